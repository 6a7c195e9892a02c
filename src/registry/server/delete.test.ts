import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { type Digest, mediaTypes } from "../../oci/index.ts";
import { Registry } from "./server.ts";
import { MemoryStore } from "./storage/memory.ts";

const digestOf = (content: string) =>
  `sha256:${createHash("sha256").update(content).digest("hex")}` as Digest;

async function client(registry: Registry, repository: string) {
  const call = (path: string, init: RequestInit = {}) =>
    fetch(`${registry.url}v2/${repository}/${path}`, init);
  await call(`blobs/uploads/?digest=${digestOf("{}")}`, { method: "POST", body: "{}" });
  const config = { mediaType: mediaTypes.ociConfig, digest: digestOf("{}"), size: 2 };
  const body = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [] });
  const digest = digestOf(body);
  const headers = { "Content-Type": mediaTypes.ociManifest };
  const put = (reference: string) => call(`manifests/${reference}`, { method: "PUT", body, headers });
  const remove = (reference: string) => call(`manifests/${reference}`, { method: "DELETE" });
  const tags = async () => ((await (await call("tags/list")).json()) as { tags?: string[] }).tags ?? [];
  return { call, put, remove, tags, digest };
}

test("a manifest goes with all of its tags or with none: an immutable one keeps the others", async () => {
  const storage = new MemoryStore();
  const rules = {
    policies: [{ repositories: ["**"], actions: ["pull" as const], anonymous: true }],
    immutableTags: [{ repositories: ["**"], tags: ["v*"] }],
  };
  const access = () => ({ allow: true as const });
  await using registry = await Registry.start({ storage, rules, access });
  const { put, remove, tags, call, digest } = await client(registry, "a");
  for (const tag of ["a", "v1", "z"]) await put(tag);
  expect((await remove(digest)).status).toBe(403);
  expect(await tags()).toEqual(["a", "v1", "z"]);
  expect((await call("manifests/z")).status).toBe(200);
  expect((await remove("v1")).status).toBe(403);
  // Nothing was deleted, so there is nothing to have back.
  expect(await registry.trash()).toEqual([]);
  expect((await remove("z")).status).toBe(202);
  expect(await registry.trash()).toMatchObject([{ tags: ["z"] }]);
});

test("the tags of a manifest are found without reading the others, also after they moved and came back", async () => {
  const storage = new MemoryStore();
  await using registry = await Registry.start({ storage, collection: { grace: 0, undo: 0 } });
  const one = await client(registry, "a");
  for (let i = 0; i < 50; i++) await one.put(`t${i}`);
  // The same tags in another manifest.
  const body = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] });
  const headers = { "Content-Type": mediaTypes.ociIndex };
  for (let i = 0; i < 49; i++) await one.call(`manifests/t${i}`, { method: "PUT", body, headers });
  await one.put("t7");
  await Bun.sleep(5);
  await registry.collect();
  const notes = await storage.list("repos/a/_tagged/", { limit: 1000 });
  // What is not true any more was swept: 48 tags of the index, and t7 and t49 of the image.
  expect(notes).toHaveLength(50);
  const reads: string[] = [];
  const read = storage.read.bind(storage);
  storage.read = (key, limit) => {
    reads.push(key);
    return read(key, limit);
  };
  expect((await one.remove(one.digest)).status).toBe(202);
  expect(await one.tags()).toHaveLength(48);
  const looked = new Set(reads.filter((key) => key.includes("/_tags/")));
  expect([...looked].sort()).toEqual(["repos/a/_tags/t49", "repos/a/_tags/t7"]);
});

test("a push that is acknowledged while its manifest is deleted leaves a tag that leads somewhere", async () => {
  await using registry = await Registry.start();
  for (let round = 0; round < 40; round++) {
    const { put, remove, tags, call, digest } = await client(registry, `race/${round}`);
    await put("first");
    const pushes = Array.from({ length: 4 }, async (_, i) => {
      await Bun.sleep(Math.random() * 3);
      return put(`t${i}`);
    });
    const deletions = Array.from({ length: 3 }, async () => {
      await Bun.sleep(Math.random() * 3);
      return remove(digest);
    });
    for (const { status } of await Promise.all(pushes)) expect(status).toBe(201);
    for (const { status } of await Promise.all(deletions)) expect([202, 404]).toContain(status);
    for (const tag of await tags()) expect((await call(`manifests/${tag}`)).status).toBe(200);
  }
});
