import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { copyBetween, fetchArtifact } from "../../src/engine/index.ts";
import type { StrakeEvent } from "../../src/events/index.ts";
import { digestHex, mediaTypes, sha256 } from "../../src/oci/index.ts";
import { serve } from "../../src/registry/client/fake-registry.test-support.ts";
import { readTar } from "../../src/tar/index.ts";
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

describe("a copy to an oci-archive", () => {
  const archive = () => join(folder, "app.tar");
  const copy = ({ reference }: Server, signal?: AbortSignal) =>
    copyBetween(reference, `oci-archive:${archive()}`, { env, ...(signal ? { signal } : {}) });
  /** Files below the folder that is kept, by their size. */
  const keptOf = (size: number) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((file) => file.isFile())
      .map((file) => join(file.parentPath, file.name))
      .find((path) => statSync(path, { throwIfNoEntry: false })?.size === size);
  async function whenKept(size: number): Promise<string> {
    for (;;) {
      const path = keptOf(size);
      if (path !== undefined) return path;
      await Bun.sleep(20);
    }
  }
  async function members(): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    for await (const { entry, body } of readTar(Bun.file(archive()).stream() as never))
      found[entry.path] = sha256(Buffer.concat(await Array.fromAsync(body)));
    return found;
  }
  const blobs = (...all: Uint8Array[]) => all.map((each) => `blobs/sha256/${digestHex(sha256(each))}`);
  const named = ["index.json", "oci-layout"];

  test("that was canceled goes on in the middle of the blob; nothing stays beside it", async () => {
    let until = half;
    const server = await registry(() => until);
    using _server = server;
    const stop = new AbortController();
    const first = copy(server, stop.signal);
    await whenKept(half);
    stop.abort();
    await expect(first).rejects.toMatchObject({ code: "CANCELED" });
    until = weights.length;
    await copy(server);
    expect([server.starts, readdirSync(folder)]).toEqual([[0, half], ["app.tar"]]);
    const found = await members();
    expect(Object.keys(found).sort()).toEqual([...blobs(weights, manifest, small), ...named].sort());
    expect(found[blobs(weights)[0]!]).toBe(sha256(weights));
  });

  test("that was killed holds nothing of what an earlier one was to hold, and no blob that was damaged meanwhile", async () => {
    const other = randomBytes(2 << 20);
    const about = JSON.parse(Buffer.from(manifest).toString());
    const [file] = about.layers;
    const both = json({
      ...about,
      layers: [{ ...file, digest: sha256(other), size: other.length }, { ...file }].map((layer, i) => ({
        ...layer,
        annotations: { "org.opencontainers.image.title": `file-${i}` },
      })),
    });
    const fetched: string[] = [];
    let document = both;
    using server = await serve((request, response) => {
      const path = request.url!;
      if (path.includes("/manifests/"))
        return void response.writeHead(200, { "content-type": mediaTypes.ociManifest }).end(document);
      if (request.method === "GET" && path.includes("/blobs/")) fetched.push(path.split(":").at(-1)!);
      if (path.endsWith(sha256(other))) return void response.end(other);
      if (!path.endsWith(sha256(weights))) return void response.end(small);
      response.writeHead(200, { "content-length": weights.length });
      if (document === both) response.write(weights.subarray(0, half));
      else response.end(weights);
    });
    const words = ["copy", `${server.host}/app:1`, `oci-archive:${archive()}`];
    const run = () =>
      Bun.spawn([...program, ...words], {
        ...{ env: { ...process.env, ...env }, stdout: "ignore", stderr: "pipe" },
      });
    const child = run();
    await whenKept(half);
    const whole = await whenKept(other.length);
    child.kill("SIGKILL");
    await child.exited;
    const bytes = readFileSync(whole);
    bytes[1000]! ^= 1;
    writeFileSync(whole, bytes);
    // One that needs of it only what was cut short, and what is whole but damaged.
    fetched.length = 0;
    document = json({ ...about, layers: [{ ...file, digest: sha256(other), size: other.length }] });
    const again = run();
    expect([await again.exited, await new Response(again.stderr).text()]).toEqual([0, expect.any(String)]);
    // The small one may have come before the kill, or not.
    expect(fetched.filter((hex) => hex !== digestHex(sha256(small)))).toEqual([digestHex(sha256(other))]);
    const found = await members();
    expect(Object.keys(found).sort()).toEqual([...blobs(other, document, small), ...named].sort());
    expect(found[blobs(other)[0]!]).toBe(sha256(other));
    expect(readdirSync(folder)).toEqual(["app.tar"]);
  });

  test("that was refused, or canceled at once, leaves nothing", async () => {
    using server = await serve((_, response) => void response.writeHead(404).end());
    const words = copyBetween(`${server.host}/app:1`, `oci-archive:${archive()}`, { env });
    await expect(words).rejects.toMatchObject({ code: "REGISTRY_NOT_FOUND" });
    expect(readdirSync(folder)).toEqual([]);
  });
});
