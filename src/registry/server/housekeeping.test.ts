import { expect, test } from "bun:test";
import { Registry } from "./server.ts";
import { MemoryStore } from "./storage/memory.ts";

const text = (content: string) => new TextEncoder().encode(content);
const hexOf = (content: string) => new Bun.CryptoHasher("sha256").update(content).digest("hex");

test("a scheduled scrub finds what has changed, sets it aside and says so; other times take effect at once", async () => {
  const storage = new MemoryStore();
  await storage.put(`blobs/sha256/${hexOf("good")}`, text("good"));
  await storage.put(`blobs/sha256/${hexOf("bad")}`, text("bat"));
  await using registry = await Registry.start({ storage });
  const metrics = async () => (await fetch(`${registry.url}metrics`)).text();
  expect(await metrics()).toContain("strake_registry_damaged_blobs 0");
  await registry.reconfigure({ scrubbing: { every: 10 } });
  while (!(await metrics()).includes("strake_registry_damaged_blobs 1")) await Bun.sleep(10);
  expect(await metrics()).toMatch(/strake_registry_scrubs_total\{outcome="finished"\} \d+/);
  expect(await storage.head(`blobs/sha256/${hexOf("bad")}`)).toBeDefined();
  await registry.reconfigure({ scrubbing: { every: 10, quarantine: true } });
  while (await storage.head(`blobs/sha256/${hexOf("bad")}`)) await Bun.sleep(10);
  expect(await storage.head(`quarantine/sha256-${hexOf("bad")}`)).toBeDefined();
  expect(await storage.head(`blobs/sha256/${hexOf("good")}`)).toBeDefined();
  while (!(await metrics()).includes("strake_registry_damaged_blobs 0")) await Bun.sleep(10);
  await registry.reconfigure({});
  const count = async () => /scrubs_total\{outcome="finished"\} (\d+)/.exec(await metrics())![1];
  const before = await count();
  await Bun.sleep(60);
  expect(await count()).toBe(before);
}, 120_000);

test("a collection whose storage fails is counted, and the next one works", async () => {
  const storage = new MemoryStore();
  const list = storage.list.bind(storage);
  let broken = true;
  storage.list = (prefix, options) => {
    if (broken && prefix === "repos/") return Promise.reject(new Error("the medium is gone"));
    return list(prefix, options);
  };
  const failures: string[] = [];
  await using registry = await Registry.start({
    ...{ storage, collection: { every: 10, grace: 0 } },
    onFailure: (work, error) => failures.push(`${work}: ${(error as Error).message}`),
  });
  const metrics = async () => (await fetch(`${registry.url}metrics`)).text();
  const finished = 'strake_registry_collections_total{outcome="finished"}';
  while (!(await metrics()).includes('collections_total{outcome="failed"}')) await Bun.sleep(10);
  expect(await metrics()).toContain("strake_registry_last_collection_timestamp_seconds 0");
  expect(failures[0]).toBe("collection: the medium is gone");
  broken = false;
  while (!(await metrics()).includes(finished)) await Bun.sleep(10);
  const at = Number(/last_collection_timestamp_seconds ([\d.]+)/.exec(await metrics())![1]);
  expect(Math.abs(at - Date.now() / 1000)).toBeLessThan(60);
}, 120_000);

test("a registry stops in the middle of a collection, of a repository with however many manifests", async () => {
  const storage = new MemoryStore();
  const digests = Array.from({ length: 2000 }, (_, i) => hexOf(String(i)));
  const config = { mediaType: "application/vnd.oci.image.config.v1+json", size: 2 };
  const manifest = text(
    JSON.stringify({ schemaVersion: 2, config: { ...config, digest: `sha256:${hexOf("{}")}` }, layers: [] }),
  );
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  for (const digest of digests) {
    await storage.put(`blobs/sha256/${digest}`, manifest);
    const record = { mediaType, size: manifest.length, pushedAt: 0 };
    await storage.put(`repos/a/_manifests/sha256/${digest}`, text(JSON.stringify(record)));
    const tag = { digest: `sha256:${digest}`, mediaType, size: manifest.length, pushedAt: 0 };
    await storage.put(`repos/a/_tags/t${digest.slice(0, 16)}`, text(JSON.stringify(tag)));
  }
  let reads = 0;
  const read = storage.read.bind(storage);
  storage.read = async (key, limit) => {
    reads++;
    await Bun.sleep(20);
    return read(key, limit);
  };
  for (const collection of [{ every: 1 }, { every: 1, retention: [{ keepLast: 5000 }] }]) {
    const registry = await Registry.start({
      storage,
      collection,
      onFailure: (_, error) => expect(error).toBe(0),
    });
    storage[Symbol.asyncDispose] = async () => {};
    const before = reads;
    while (reads < before + 100) await Bun.sleep(5);
    const atStop = reads;
    await registry.stop({ grace: 0 });
    expect(reads - atStop).toBeLessThan(100);
  }
}, 60_000);
