import { afterAll, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mediaTypes, sha256 } from "../../src/oci/index.ts";
import { FileStore, Registry } from "../../src/registry/server/index.ts";
import { json } from "../support/archives.ts";
import { startFaultProxy } from "../support/fault-proxy.ts";
import { haltingRegistry } from "../support/halting-registry.ts";
import { program } from "../support/strake.ts";
import { continued } from "../support/upload-parts.ts";
import { userEnv } from "../support/user-env.ts";

/** A copy between registries, or the push of a file, that was cut off goes on where the target is: what it has is not fetched again either. */
const home = mkdtempSync(join(tmpdir(), "strake-copy-again-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const layer = randomBytes(8 << 20);
const half = layer.length >> 1;
const config = Buffer.from("{}");
const manifest = json({
  ...{ schemaVersion: 2, mediaType: mediaTypes.ociManifest },
  config: { mediaType: mediaTypes.ociConfig, digest: sha256(config), size: config.length },
  layers: [{ mediaType: mediaTypes.ociLayerGzip, digest: sha256(layer), size: layer.length }],
});

let roots = 0;
const copying = (from: string, to: string, words: readonly string[] = []) =>
  running(["copy", ...words, from, to]);

/** The program with these words, over a store of its own. */
function running(words: readonly string[]) {
  const root = join(home, String(roots));
  const env = {
    ...{ ...process.env, ...userEnv(home) },
    ...{ STRAKE_ROOT: join(root, "root"), STRAKE_RUNROOT: join(root, "run") },
  };
  return {
    start: () =>
      Bun.spawn([...program, ...words], {
        ...{ env, stdout: "pipe" as const, stderr: "pipe" as const },
      }),
    kept: () => readdirSync(join(root, "root/work")),
    root,
  };
}

/** A registry of files, and how much it has of what is being sent to it. */
async function goal() {
  const folder = join(home, String(roots), "registry");
  mkdirSync(folder, { recursive: true });
  const registry = await Registry.start({ storage: await FileStore.open(folder) });
  const received = () =>
    Math.max(
      0,
      ...readdirSync(join(folder, "uploads")).map((name) => statSync(join(folder, "uploads", name)).size),
    );
  return { registry, received, [Symbol.asyncDispose]: () => registry.stop({ grace: 0 }) };
}

test.each([
  ["an image", [], ":1"],
  ["all tags", ["--all-tags"], ""],
] as const)("%s, killed with SIGKILL: the next one goes on, nothing stays", async (_what, words, tag) => {
  roots++;
  let until = half;
  const source = await haltingRegistry({ manifest, large: layer, small: config }, () => until);
  using _source = source;
  await using target = await goal();
  const { start, kept } = copying(`${source.host}/app${tag}`, `${target.registry.host}/app${tag}`, words);
  const child = start();
  while (target.received() < 2 << 20) await Bun.sleep(20);
  child.kill("SIGKILL");
  await child.exited;
  until = layer.length;
  const again = start();
  expect([await again.exited, await new Response(again.stderr).text()]).toEqual([0, expect.any(String)]);
  expect(source.starts).toHaveLength(2);
  expect(source.starts[1]).toBeGreaterThan(1 << 20);
  const blob = await fetch(new URL(`/v2/app/blobs/${sha256(layer)}`, target.registry.url));
  expect(Buffer.from(await blob.arrayBuffer()).equals(layer)).toBe(true);
  expect(kept().filter((name) => name.includes("upload"))).toEqual([]);
});

test("where no store can be opened it copies all the same", async () => {
  roots++;
  const source = await haltingRegistry({ manifest, large: layer, small: config }, () => layer.length);
  using _source = source;
  await using target = await Registry.start();
  const { start, root } = copying(`${source.host}/app:1`, `${target.host}/app:1`);
  writeFileSync(root, "no folder");
  const child = start();
  expect([await child.exited, await new Response(child.stderr).text()]).toEqual([0, expect.any(String)]);
});

test("artifact push of a large file, killed with SIGKILL: the next one goes on", async () => {
  roots++;
  await using target = await goal();
  await using slow = await startFaultProxy(target.registry.host, ({ method }) =>
    method === "PATCH" || method === "PUT" ? { slow: 8, at: 0 } : undefined,
  );
  const file = join(home, "weights");
  writeFileSync(file, layer);
  const { start, kept } = running(["artifact", "push", `${slow.host}/app:1`, file]);
  const child = start();
  while (target.received() < 2 << 20) await Bun.sleep(20);
  child.kill("SIGKILL");
  await child.exited;
  slow.plan = () => undefined;
  const before = slow.seen.length;
  const again = start();
  expect([await again.exited, await new Response(again.stderr).text()]).toEqual([0, expect.any(String)]);
  const { found, had, sent } = continued(slow.seen.slice(before));
  expect(found).toBeGreaterThan(1 << 20);
  expect(sent).toBeLessThan(layer.length - had + (64 << 10));
  const blob = await fetch(new URL(`/v2/app/blobs/${sha256(layer)}`, target.registry.url));
  expect(Buffer.from(await blob.arrayBuffer()).equals(layer)).toBe(true);
  expect(kept().filter((name) => name.includes("upload"))).toEqual([]);
});
