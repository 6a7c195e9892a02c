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

/** Does something in the moment before the storage is first asked for this. */
function before(
  storage: MemoryStore,
  what: "put" | "delete",
  key: RegExp,
  work: () => Promise<unknown>,
): void {
  const original = storage[what].bind(storage) as (...args: unknown[]) => Promise<never>;
  storage[what] = async (...args: unknown[]) => {
    if (key.test(args[0] as string)) {
      storage[what] = original;
      await work();
    }
    return original(...args);
  };
}

test.each([
  ["the whole deletion happens just before a push sets its tag", "put", /_tags\/second$/],
  ["the whole push happens just before the deletion takes the manifest", "delete", /_manifests\//],
] as const)("%s: what was acknowledged leads somewhere", async (_, what, key) => {
  const storage = new MemoryStore();
  await using registry = await Registry.start({ storage });
  const { put, remove, tags, call, digest } = await client(registry, "a");
  await put("first");
  const other = what === "put" ? () => remove(digest) : () => put("second");
  let otherStatus = 0;
  before(storage, what, key, async () => {
    otherStatus = (await other()).status;
  });
  const own = what === "put" ? await put("second") : await remove(digest);
  expect([own.status, otherStatus].sort()).toEqual([201, 202]);
  expect(await tags()).toEqual(["second"]);
  expect((await call("manifests/second")).status).toBe(200);
  expect(await (await fetch(`${registry.url}v2/_catalog`)).json()).toEqual({ repositories: ["a"] });
});
