import { expect, test } from "bun:test";
import { MemoryStore } from "../index.ts";
import { cached, digestOf, pushImage, type TestImage } from "./upstream.test-support.ts";

const atOnce = { grace: 0, undo: 0 } as const;
const size = 100_000;

async function shopOf(config: object, names: readonly string[], options: object = {}) {
  const storage = new MemoryStore();
  const shop = await cached({ ...options, storage, collection: atOnce, config });
  const images = new Map<string, TestImage>();
  for (const name of names) images.set(name, await pushImage(shop.upstream.url, name, "v1", { size }));
  /** Reads an image whole, as a client does. */
  const pull = async (name: string) => {
    const { layer, config: bytes } = images.get(name)!;
    for (const path of ["manifests/v1", ...[layer, bytes].map((blob) => `blobs/${digestOf(blob)}`)]) {
      const response = await shop.get(`hub/${name}/${path}`);
      expect([name, path, response.status]).toEqual([name, path, 200]);
      await response.arrayBuffer();
    }
    // Uses are told apart by milliseconds.
    await Bun.sleep(5);
  };
  const asked = () => shop.wire.seen.splice(0).length;
  /** What of the images' layers takes room. */
  const stored = async () => {
    const keys = await storage.list("blobs/", { limit: 1000 });
    return names.filter((name) =>
      keys.includes(`blobs/sha256/${digestOf(images.get(name)!.layer).slice(7)}`),
    );
  };
  return { shop, pull, asked, stored, images };
}

test("beyond its limit a cache gives up what was used longest ago, and fetches it again when it is asked for", async () => {
  const { shop, pull, asked, stored, images } = await shopOf({ maxBytes: 2.5 * size }, ["a", "b", "c"]);
  await using _ = shop;
  await pull("a");
  await pull("b");
  await pull("c");
  await pull("a");
  asked();
  const dry = await shop.cache.collect({ dryRun: true });
  const layerOfB = digestOf(images.get("b")!.layer);
  expect(dry!.evicted.map(({ digest }) => digest)).toContain(layerOfB);
  expect(await stored()).toEqual(["a", "b", "c"]);
  // The names go at once, the bytes in two steps as all bytes do.
  await shop.cache.collect();
  await shop.cache.collect();
  await shop.cache.collect();
  expect(await stored()).toEqual(["a", "c"]);
  const metrics = await (await fetch(new URL("/metrics", shop.cache.url))).text();
  expect(Number(/proxy_evicted_bytes_total\{upstream="hub"\} (\d+)/.exec(metrics)![1])).toBeGreaterThan(size);
  await pull("a");
  await pull("c");
  expect(asked()).toBe(0);
  await pull("b");
  expect(asked()).toBeGreaterThan(0);
});

test("what was not used for too long goes with its tags; pinned and immutable tags stay", async () => {
  const rules = {
    policies: [{ repositories: ["**"], actions: ["pull" as const], anonymous: true }],
    immutableTags: [{ repositories: ["hub/kept"], tags: ["v*"] }],
  };
  const config = { maxAge: 1, pinned: ["pin*:v?"] };
  const { shop, pull, stored } = await shopOf(config, ["kept", "old", "pinned"], { rules });
  await using _ = shop;
  for (const name of ["old", "pinned"]) await pull(name);
  await shop.get("hub/kept/manifests/v1");
  for (let i = 0; i < 3; i++) await shop.cache.collect();
  expect(await stored()).toEqual(["pinned"]);
  shop.wire[Symbol.dispose]();
  expect((await shop.get("hub/old/manifests/v1")).status).toBe(502);
  expect((await shop.get("hub/kept/manifests/v1")).status).toBe(200);
  await pull("pinned");
  const { repositories } = (await (await fetch(new URL("/v2/_catalog", shop.cache.url))).json()) as {
    repositories: string[];
  };
  expect(repositories).toEqual(["hub/kept", "hub/pinned"]);
});

test("a blob that is longer than all that may be kept is not taken in", async () => {
  const { shop, images } = await shopOf({ maxBytes: size / 2 }, ["a"]);
  await using _ = shop;
  const path = `hub/a/blobs/${digestOf(images.get("a")!.layer)}`;
  expect((await shop.get(path)).status).toBe(502);
  expect(await shop.cache.scrub()).toMatchObject({ blobs: 0 });
});
