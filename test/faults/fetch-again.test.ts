import { afterAll, beforeEach, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { copyBetween, fetchArtifact } from "../../src/engine/index.ts";
import type { StrakeEvent } from "../../src/events/index.ts";
import { digestHex, mediaTypes, sha256 } from "../../src/oci/index.ts";
import { json } from "../support/archives.ts";
import { haltingRegistry } from "../support/halting-registry.ts";
import { program } from "../support/strake.ts";
import { userEnv } from "../support/user-env.ts";

/** A large file that was cut off on its way into a folder goes on where it was when it is fetched again. */
const home = mkdtempSync(join(tmpdir(), "strake-fetch-again-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const env = userEnv(home);

const weights = randomBytes(8 << 20);
const half = weights.length >> 1;
const small = Buffer.from("{}");
const manifest = json({
  ...{ schemaVersion: 2, mediaType: mediaTypes.ociManifest, artifactType: "text/x-model" },
  config: { mediaType: mediaTypes.ociEmpty, digest: sha256(small), size: small.length },
  layers: [
    {
      ...{ mediaType: "text/x-weights", digest: sha256(weights), size: weights.length },
      annotations: { "org.opencontainers.image.title": "sub/weights" },
    },
  ],
});
const registry = (until: () => number) => haltingRegistry({ manifest, large: weights, small }, until);
type Server = Awaited<ReturnType<typeof registry>>;

let folder: string;
let count = 0;
beforeEach(() => {
  folder = join(home, String(count++));
  mkdirSync(folder);
});

/** The ways a file gets into a folder: with what it is fetched, where its beginning is kept and where it stands in the end. */
const ways = [
  {
    way: "an artifact",
    words: (server: Server) => ["artifact", "pull", "-o", folder, server.reference],
    call: (server: Server, options: { emit?: (event: StrakeEvent) => void; signal?: AbortSignal }) =>
      fetchArtifact({ ...{ name: server.reference, folder, env }, ...options }),
    step: `fetch ${sha256(weights)}`,
    keptIn: "sub",
    file: "sub/weights",
  },
  {
    way: "a copy to a layout",
    words: (server: Server) => ["copy", server.reference, `oci:${folder}:1`],
    call: (server: Server, options: { emit?: (event: StrakeEvent) => void; signal?: AbortSignal }) =>
      copyBetween(server.reference, `oci:${folder}:1`, { env, ...options }),
    step: `copy ${sha256(weights)}`,
    keptIn: ".",
    file: `blobs/sha256/${digestHex(sha256(weights))}`,
  },
];
type Way = (typeof ways)[number];

/** What stands in the folder under a hidden name. */
function kept({ keptIn }: Way): string[] {
  const place = join(folder, keptIn);
  try {
    return readdirSync(place).flatMap((name) => (name.startsWith(".strake") ? [join(place, name)] : []));
  } catch {
    return [];
  }
}

async function someIsThere(way: Way): Promise<string> {
  for (;;) {
    const found = kept(way).find((path) => statSync(path, { throwIfNoEntry: false })?.size === half);
    if (found !== undefined) return found;
    await Bun.sleep(20);
  }
}

async function interrupted(way: Way, server: Server): Promise<string> {
  const stop = new AbortController();
  const call = way.call(server, { signal: stop.signal });
  const path = await someIsThere(way);
  stop.abort();
  await expect(call).rejects.toMatchObject({ code: "CANCELED" });
  return path;
}

const stands = (way: Way) => readFileSync(join(folder, way.file)).equals(weights);

test.each(ways)("$way that was canceled goes on; nothing stays beside it", async (way) => {
  let until = half;
  const server = await registry(() => until);
  using _server = server;
  const path = await interrupted(way, server);
  expect(statSync(path).size).toBe(half);
  until = weights.length;
  const moved: (number | undefined)[] = [];
  const emit = (event: StrakeEvent) => {
    if (event.type === "step.done" && event.step === way.step) moved.push(event.bytes);
  };
  await way.call(server, { emit });
  expect([server.starts, stands(way), kept(way)]).toEqual([[0, half], true, []]);
  // What was here before is part of the progress, and not of what was moved.
  expect(moved).toEqual([weights.length - half]);
});

test.each(ways)("$way that was killed goes on in the next process, in the same file", async (way) => {
  let until = half;
  const server = await registry(() => until);
  using _server = server;
  const run = () =>
    Bun.spawn([...program, ...way.words(server)], {
      ...{ env: { ...process.env, ...env }, stdout: "ignore", stderr: "pipe" },
    });
  const child = run();
  const { ino } = statSync(await someIsThere(way));
  child.kill("SIGKILL");
  await child.exited;
  until = weights.length;
  const again = run();
  expect([await again.exited, await new Response(again.stderr).text()]).toEqual([0, expect.any(String)]);
  expect([server.starts, stands(way), kept(way)]).toEqual([[0, half], true, []]);
  // Written on, not copied.
  expect(statSync(join(folder, way.file)).ino).toBe(ino);
});

test.each(ways)("$way whose beginning was damaged meanwhile is fetched anew", async (way) => {
  let until = half;
  const server = await registry(() => until);
  using _server = server;
  const path = await interrupted(way, server);
  const bytes = readFileSync(path);
  bytes[1_000_000]! ^= 1;
  writeFileSync(path, bytes);
  until = weights.length;
  await way.call(server, {});
  expect([server.starts, stands(way), kept(way)]).toEqual([[0, half, 0], true, []]);
});

test.each(ways)("$way that two fetch at once: neither touches what the other writes", async (way) => {
  let until = half;
  const server = await registry(() => until);
  using _server = server;
  const stop = new AbortController();
  const first = way.call(server, { signal: stop.signal });
  const path = await someIsThere(way);
  until = weights.length;
  await way.call(server, {});
  expect([server.starts, stands(way), kept(way)]).toEqual([[0, 0], true, [path]]);
  stop.abort();
  await expect(first).rejects.toMatchObject({ code: "CANCELED" });
});
