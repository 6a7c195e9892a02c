import { beforeEach, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { StrakeError } from "../../../errors/index.ts";
import { type Digest, mediaTypes } from "../../../oci/index.ts";
import { ownClock } from "../own-clock.test-support.ts";
import { Registry } from "../server.ts";
import { MemoryStore } from "../storage/memory.ts";

const later = ownClock();
beforeEach(() => later(0));

const grace = 1500;
const digestOf = (content: string) =>
  `sha256:${createHash("sha256").update(content).digest("hex")}` as Digest;

async function start(storage = new MemoryStore()) {
  const registry = await Registry.start({ storage, collection: { grace, undo: 0 } });
  const call = (path: string, init: RequestInit = {}) => fetch(`${registry.url}v2/${path}`, init);
  const push = async (repository: string, content: string) => {
    const digest = digestOf(content);
    const path = `${repository}/blobs/uploads/?digest=${digest}`;
    expect((await call(path, { method: "POST", body: content })).status).toBe(201);
    return digest;
  };
  const putImage = async (content: string, query = "") => {
    const config = { mediaType: mediaTypes.ociConfig, digest: digestOf(content), size: content.length };
    const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [] };
    const body = JSON.stringify(manifest);
    const headers = { "Content-Type": mediaTypes.ociManifest };
    const path = `a/manifests/${digestOf(body)}${query}`;
    const { status } = await call(path, { method: "PUT", body, headers });
    return { status, digest: digestOf(body), size: body.length };
  };
  return { registry, call, push, putImage, [Symbol.asyncDispose]: () => registry.stop({ grace: 100 }) };
}

test("a blob that a client was just told of is there when its manifest comes", async () => {
  await using server = await start();
  const { registry, call, push, putImage } = server;
  const asked = await push("a", "asked for");
  const mounted = await push("a", "mounted");
  const forgotten = await push("a", "forgotten");
  later(grace + 100);
  expect((await call(`a/blobs/${asked}`, { method: "HEAD" })).status).toBe(200);
  const mount = `b/blobs/uploads/?mount=${mounted}&from=a`;
  expect((await call(mount, { method: "POST" })).status).toBe(201);
  const report = await registry.collect();
  expect(report?.unlinked).toEqual([{ repository: "a", digest: forgotten }]);
  expect((await putImage("asked for")).status).toBe(201);
  expect((await putImage("forgotten")).status).toBe(404);
});

test("a manifest that was asked for, or named by an index, is not taken for its age", async () => {
  await using server = await start();
  const { registry, call, push, putImage } = server;
  for (const content of ["one", "two", "three"]) await push("a", content);
  const [one, two, three] = [await putImage("one"), await putImage("two"), await putImage("three")];
  later(grace + 100);
  expect((await call(`a/manifests/${one.digest}`, { method: "HEAD" })).status).toBe(200);
  const entry = { mediaType: mediaTypes.ociManifest, digest: two.digest, size: two.size };
  const body = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [entry] });
  const headers = { "Content-Type": mediaTypes.ociIndex };
  expect((await call("a/manifests/all", { method: "PUT", body, headers })).status).toBe(201);
  expect((await call("a/manifests/all", { method: "DELETE" })).status).toBe(202);
  const report = await registry.collect({ untagged: "collect" });
  expect(report?.manifests).toEqual([{ repository: "a", digest: three.digest }]);
});

test("a blob that is mounted after it was condemned stays, though its bytes are old", async () => {
  const storage = new MemoryStore();
  await using server = await start(storage);
  const { registry, call, push } = server;
  const digest = await push("a", "condemned");
  await call(`a/blobs/${digest}`, { method: "DELETE" });
  later(grace + 100);
  expect((await registry.collect())?.condemned).toEqual([digest]);
  later(grace + 100);
  // The link comes and goes between two collections: only the mount itself can tell the collector.
  expect((await call(`b/blobs/uploads/?mount=${digest}`, { method: "POST" })).status).toBe(201);
  await call(`b/blobs/${digest}`, { method: "DELETE" });
  expect((await registry.collect())?.deleted).toEqual([]);
});

test("a medium that takes no writes answers HEAD by what is there, and takes no manifest on that word", async () => {
  const storage = new MemoryStore();
  await using server = await start(storage);
  const { call, push, putImage } = server;
  const blob = await push("a", "asked for");
  const { digest } = await putImage("asked for");
  await push("a", "another");
  later(grace + 100);
  const put = storage.put.bind(storage);
  storage.put = () => Promise.reject(new StrakeError("REGISTRY_STORAGE", "read-only file system"));
  for (const path of [`blobs/${blob}`, `manifests/${digest}`])
    expect((await call(`a/${path}`, { method: "HEAD" })).status).toBe(200);
  expect((await call(`a/blobs/${digestOf("absent")}`, { method: "HEAD" })).status).toBe(404);
  expect((await putImage("another")).status).toBe(503);
  storage.put = put;
  expect((await putImage("another")).status).toBe(201);
});

test("a push waits for a deletion in progress, and takes over from a collector that died in it", async () => {
  const storage = new MemoryStore();
  await using server = await start(storage);
  const key = `collector/condemned/sha256-${digestOf("x").slice(7)}`;
  const deleting = (at: number) =>
    storage.put(key, new TextEncoder().encode(JSON.stringify({ state: "deleting", at })));
  await deleting(Date.now());
  let pushed = false;
  const push = server.push("a", "x").then(() => {
    pushed = true;
  });
  await Bun.sleep(200);
  expect(pushed).toBe(false);
  await storage.delete(key);
  await push;
  await deleting(Date.now() - 3600_000);
  await server.push("a", "x");
  expect(JSON.parse(new TextDecoder().decode((await storage.read(key, 1000))!.bytes)).state).toBe("spared");
});
