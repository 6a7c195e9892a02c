import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "../oci/index.ts";
import { makeLayer, temporaryStore } from "./fixture/temporary-store.ts";

test("a committed layer is found, with its files in place", async () => {
  using t = temporaryStore();
  using lease = t.store.lease();
  const layer = await makeLayer(t.store, "content", lease);
  expect(t.store.layers.get(layer.diffID)).toEqual(layer);
  expect(t.store.layers.list()).toEqual([layer]);
  expect(t.store.layers.all([layer.diffID])).toEqual([layer]);
  expect(readFileSync(layer.tarPath, "utf8")).toBe("content");
  expect(layer).toMatchObject({ size: 7, entries: 1, diskSize: 7 + readFileSync(layer.indexPath).length });
  expect(readdirSync(join(t.root, "layers"))).toEqual([layer.diffID.slice(7)]);
});

test("the second of two equal layers is dropped", async () => {
  using t = temporaryStore();
  using lease = t.store.lease();
  const layers = await Promise.all([1, 2, 3].map(() => makeLayer(t.store, "same", lease)));
  expect(layers[1]).toEqual(layers[0]!);
  expect(readdirSync(join(t.root, "layers"))).toHaveLength(1);
  expect(t.store.gc({ verify: true }).problems).toEqual([]);
});

test("abort leaves nothing, and after a commit does nothing", async () => {
  using t = temporaryStore();
  using lease = t.store.lease();
  const dropped = t.store.layers.begin(lease);
  writeFileSync(dropped.tarPath, "x");
  dropped.abort();
  dropped.abort();
  expect(readdirSync(join(t.root, "layers"))).toEqual([]);

  const kept = t.store.layers.begin(lease);
  writeFileSync(kept.tarPath, "x");
  writeFileSync(kept.indexPath, "i");
  const layer = await kept.commit(sha256("x"), { size: 1, entries: 0 });
  kept.abort();
  expect(readFileSync(layer.tarPath, "utf8")).toBe("x");
});

test("what a killed process left under the final name is replaced, not trusted", async () => {
  using t = temporaryStore();
  using lease = t.store.lease();
  const stale = join(t.root, "layers", sha256("content").slice(7));
  mkdirSync(stale);
  writeFileSync(join(stale, "layer.tar"), "half");
  const layer = await makeLayer(t.store, "content", lease);
  expect(readFileSync(layer.tarPath, "utf8")).toBe("content");
  t.store.gc();
  expect(t.store.gc({ verify: true }).problems).toEqual([]);
});

test("compressed forms are remembered both ways, as long as their blobs are there", async () => {
  using t = temporaryStore();
  using lease = t.store.lease();
  const layer = await makeLayer(t.store, "content", lease);
  const { digest, size } = await t.store.blobs.put(Buffer.from("gzipped"), { lease });
  const form = { mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest, size };
  t.store.layers.addForm(layer.diffID, form);
  t.store.layers.addForm(layer.diffID, { ...form, digest: sha256("not stored") });
  expect(t.store.layers.forms(layer.diffID)).toEqual([form]);
  expect(t.store.layers.byForm(digest)).toEqual(layer);
  expect(t.store.layers.byForm(sha256("other"))).toBeUndefined();
});

test("a missing layer is named", () => {
  using t = temporaryStore();
  expect(t.store.layers.get(sha256("none"))).toBeUndefined();
  expect(() => t.store.layers.all([sha256("none")])).toThrow(
    expect.objectContaining({ code: "LAYER_NOT_FOUND" }),
  );
});

test("a layer that lost bytes is refused, and replaced by the next that is committed", async () => {
  using t = temporaryStore();
  using lease = t.store.lease();
  const layer = await makeLayer(t.store, "content", lease);
  expect(t.store.layers.intact([layer.diffID])).toEqual([layer]);
  for (const path of [layer.tarPath, layer.indexPath]) {
    truncateSync(path, 3);
    expect(t.store.layers.isIntact(layer.diffID)).toBe(false);
    expect(() => t.store.layers.intact([layer.diffID])).toThrow(
      expect.objectContaining({ code: "LAYER_DAMAGED" }),
    );
    await makeLayer(t.store, "content", lease);
    expect(t.store.layers.intact([layer.diffID])).toEqual([layer]);
    expect(t.store.gc({ verify: true }).problems).toEqual([]);
  }
});
