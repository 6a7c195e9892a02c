import { describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { sha256 } from "../oci/index.ts";
import { makeImage, makeLayer, temporaryStore } from "./fixture/temporary-store.ts";
import { temporaryName } from "./index.ts";

test("a lease keeps what it names, until it is released", async () => {
  using t = temporaryStore();
  const lease = t.store.lease("test");
  const layer = await makeLayer(t.store, "x", lease);
  const blob = await t.store.blobs.put(Buffer.from("y"), { lease });
  expect(t.store.gc()).toMatchObject({ layers: [], blobs: [], leftovers: [] });
  lease.release();
  lease.release();
  const report = t.store.gc({ verify: true });
  expect(report.layers).toEqual([{ digest: layer.diffID, size: layer.diskSize }]);
  expect(report.blobs).toEqual([blob]);
  expect(report.freed).toBe(layer.diskSize + blob.size);
  expect(report.problems).toEqual([]);
  expect(readdirSync(join(t.root, "layers"))).toEqual([]);
  expect(readdirSync(join(t.root, "trash"))).toEqual([]);
  expect(t.store.layers.get(layer.diffID)).toBeUndefined();
});

test("a lease says whether what it keeps is there", async () => {
  using t = temporaryStore();
  using lease = t.store.lease();
  expect(lease.add("blob", sha256("later"))).toBe(false);
  const other = t.store.lease();
  await t.store.blobs.put(Buffer.from("later"), { lease: other });
  other.release();
  t.store.gc();
  expect(t.store.blobs.has(sha256("later"))).toBe(true);
  expect(lease.add("blob", sha256("later"))).toBe(true);
});

test("an image keeps its config, manifest, layers and their compressed forms", async () => {
  using t = temporaryStore();
  const lease = t.store.lease();
  const image = await makeImage(t.store, ["a", "b"], lease);
  const form = await t.store.blobs.put(Buffer.from("gzipped a"), { lease });
  t.store.layers.addForm(image.diffIDs[0]!, { mediaType: "a/b", ...form });
  const manifest = await t.store.blobs.put(Buffer.from("manifest"), { lease });
  const index = await t.store.blobs.put(Buffer.from("index"), { lease });
  t.store.images.put({
    ...{ configDigest: image.id, lease, blobs: [index.digest] },
    manifest: { mediaType: "a/b", ...manifest },
  });
  lease.release();
  expect(t.store.gc({ verify: true })).toMatchObject({ layers: [], blobs: [], problems: [] });
  t.store.images.remove(image.id);
  const report = t.store.gc({ verify: true });
  expect([report.layers.length, report.blobs.length, report.problems]).toEqual([2, 4, []]);
});

test("a dry run tells the same and changes nothing", async () => {
  using t = temporaryStore();
  const lease = t.store.lease();
  await makeLayer(t.store, "x", lease);
  lease.release();
  const dry = t.store.gc({ dryRun: true });
  expect(dry.layers).toHaveLength(1);
  expect(t.store.layers.list()).toHaveLength(1);
  expect(t.store.gc()).toEqual(dry);
});

describe("verify", () => {
  test("finds bytes without an owner; gc removes those that strake made", () => {
    using t = temporaryStore();
    const dead = ".tmp-0.0.1.1-0123456789abcdef";
    const orphans = [
      ...[join("blobs", "sha256", sha256("x").slice(7)), join("blobs", "sha256", dead), join("layers", dead)],
      ...[join("containers", "gone"), join("volumes", "gone"), join("work", dead), join("trash", dead)],
      ...[join("contexts", dead), join("layers", sha256("y").slice(7))],
    ].map((path) => join(t.root, path));
    for (const path of orphans) writeFileSync(path, "x");
    const strangers = [
      join(t.root, "notes.txt"),
      join(t.root, "blobs", "md5"),
      join(t.root, "blobs", "sha256", "x"),
    ];
    for (const path of strangers) writeFileSync(path, "x");
    const dry = t.store.gc({ dryRun: true, verify: true });
    expect(dry.problems.map(({ path }) => path).sort()).toEqual([...orphans, ...strangers].sort());
    expect(
      t.store
        .gc({ verify: true })
        .problems.map(({ path }) => path)
        .sort(),
    ).toEqual(strangers.sort());
    for (const path of orphans) expect(existsSync(path)).toBe(false);
  });

  test("finds owners without bytes", async () => {
    using t = temporaryStore();
    using lease = t.store.lease();
    const missing = await makeLayer(t.store, "1", lease);
    const truncated = await makeLayer(t.store, "22", lease);
    const indexless = await makeLayer(t.store, "333", lease);
    const blob = await t.store.blobs.put(Buffer.from("blob"), { lease });
    const fine = await makeLayer(t.store, "4444", lease);
    rmSync(missing.dir, { recursive: true });
    truncateSync(truncated.tarPath, 1);
    rmSync(indexless.indexPath);
    rmSync(t.store.blobs.path(blob.digest), { force: true });
    const { problems } = t.store.gc({ verify: true });
    expect(problems.map((problem) => problem.kind === "no-bytes" && problem.digest).sort()).toEqual(
      [missing.diffID, truncated.diffID, indexless.diffID, blob.digest].sort(),
    );
    expect(fine.size).toBe(4);
  });

  test("finds one flipped bit", async () => {
    using t = temporaryStore();
    using lease = t.store.lease();
    const layer = await makeLayer(t.store, "layer", lease);
    const blob = await t.store.blobs.put(Buffer.from("blob"), { lease });
    expect(t.store.gc({ verify: true }).problems).toEqual([]);
    writeFileSync(layer.tarPath, "lazer");
    const path = t.store.blobs.path(blob.digest);
    rmSync(path, { force: true });
    writeFileSync(path, "glob");
    const { problems } = t.store.gc({ verify: true });
    expect(problems.map((problem) => problem.kind === "no-bytes" && problem.digest).sort()).toEqual(
      [layer.diffID, blob.digest].sort(),
    );
    expect(problems[0]!.message).toContain("other bytes");
  });

  test("finds one flipped bit of an index; the layer is refused until it is written again", async () => {
    using t = temporaryStore();
    using lease = t.store.lease();
    const layer = await makeLayer(t.store, "layer", lease);
    const index = readFileSync(layer.indexPath);
    index[0]! ^= 1;
    writeFileSync(layer.indexPath, index);
    expect(t.store.layers.isIntact(layer.diffID)).toBe(true);
    const { problems } = t.store.gc({ verify: true });
    expect(problems.map((problem) => problem.message)).toEqual([
      expect.stringContaining("layer.erofs has other bytes"),
    ]);
    expect(() => t.store.layers.intact([layer.diffID])).toThrow(
      expect.objectContaining({ code: "LAYER_DAMAGED" }),
    );
    await makeLayer(t.store, "layer", lease);
    expect(t.store.layers.isIntact(layer.diffID)).toBe(true);
    expect(t.store.gc({ verify: true }).problems).toEqual([]);
  });

  test("damage that is repaired by hand is forgotten", async () => {
    using t = temporaryStore();
    using lease = t.store.lease();
    const layer = await makeLayer(t.store, "layer", lease);
    writeFileSync(layer.tarPath, "lazer");
    expect(t.store.gc({ verify: true }).problems).toHaveLength(1);
    writeFileSync(layer.tarPath, "layer");
    expect(t.store.layers.isIntact(layer.diffID)).toBe(false);
    expect(t.store.gc({ verify: true }).problems).toEqual([]);
    expect(t.store.layers.isIntact(layer.diffID)).toBe(true);
  });

  test("what a living process is writing is nobody's fault", () => {
    using t = temporaryStore();
    using lease = t.store.lease();
    const transaction = t.store.layers.begin(lease);
    using scratch = t.store.scratch();
    writeFileSync(transaction.tarPath, "x");
    expect(t.store.gc({ verify: true })).toMatchObject({ leftovers: [], problems: [] });
    expect(existsSync(scratch.path)).toBe(true);
    expect(existsSync(transaction.tarPath)).toBe(true);
    transaction.abort();
  });
});

test("what a snapshotter extracts beside a layer is the layer's; what a killed one left is not", async () => {
  using t = temporaryStore();
  using lease = t.store.lease();
  const { dir } = await makeLayer(t.store, "x", lease);
  const before = t.store.df().layers.size;
  mkdirSync(join(dir, "fs"));
  writeFileSync(join(dir, "fs", "file"), "extracted");
  writeFileSync(join(dir, "fs.lock"), "");
  expect(t.store.df().layers.size - before).toBe("extracted".length);
  mkdirSync(join(dir, temporaryName()));
  expect(t.store.gc({ verify: true })).toMatchObject({ leftovers: [], problems: [] });
  const dead = join(dir, ".tmp-0.0.1.1-0123456789abcdef");
  mkdirSync(dead);
  expect(t.store.gc({ verify: true })).toMatchObject({ leftovers: [{ path: dead }], problems: [] });
  expect(existsSync(join(dir, "fs", "file"))).toBe(true);
  rmSync(join(dir, "fs"), { recursive: true });
});

test("trees that images bring can be removed: names that are not UTF-8, folders nobody may enter", () => {
  using t = temporaryStore();
  const scratch = t.store.scratch();
  const odd = Buffer.concat([Buffer.from(`${scratch.path}/x`), Buffer.of(0xff, 0xfe)]);
  mkdirSync(odd);
  writeFileSync(Buffer.concat([odd, Buffer.from("/file")]), "x");
  mkdirSync(join(scratch.path, "work"));
  mkdirSync(join(scratch.path, "work", "work"), { mode: 0 });
  scratch.remove();
  scratch.remove();
  expect(existsSync(scratch.path)).toBe(false);
});

test("a container's folder goes with its record", () => {
  using t = temporaryStore();
  t.store.containers.create({ id: "c1", name: "web", state: {} });
  t.store.volumes.create({ id: "data", name: "data", state: {} });
  for (const path of ["containers/c1", "volumes/data"]) mkdirSync(join(t.root, path));
  writeFileSync(join(t.root, "containers/c1/log"), "12345");
  expect(t.store.df()).toMatchObject({ containers: { count: 1, size: 5 }, volumes: { count: 1, size: 0 } });
  expect(t.store.gc({ verify: true })).toMatchObject({ leftovers: [], problems: [] });
  t.store.containers.remove("c1");
  expect(t.store.gc({ verify: true })).toMatchObject({
    leftovers: [{ kind: "container", size: 5 }],
    problems: [],
  });
  expect(existsSync(join(t.root, "containers/c1"))).toBe(false);
  expect(existsSync(join(t.root, "volumes/data"))).toBe(true);
});

test("df tells shared from unique", async () => {
  using t = temporaryStore();
  const lease = t.store.lease();
  const base = await makeLayer(t.store, "base", lease);
  const one = await makeImage(t.store, ["base", "one"], lease);
  await makeImage(t.store, ["base", "two", "two"], lease);
  const cached = await makeLayer(t.store, "cached", lease);
  t.store.cache.put("k", { result: 1, inputs: 1, refs: [{ kind: "layer", key: cached.diffID }] });
  t.store.containers.create({ id: "c", name: "c", state: {}, refs: [{ kind: "image", key: one.id }] });
  lease.release();
  const usage = t.store.df();
  const unique = t.store.layers.get(sha256("one"))!.diskSize;
  expect(usage.images.each.find(({ id }) => id === one.id)).toEqual({
    ...{ id: one.id, size: base.diskSize + unique, shared: base.diskSize, unique, containers: 1 },
  });
  expect(usage.images).toMatchObject({
    count: 2,
    active: 1,
    size: base.diskSize + 2 * unique,
    reclaimable: unique,
  });
  expect(usage.layers.count).toBe(4);
  expect(usage.buildCache).toMatchObject({ count: 1, size: cached.diskSize, reclaimable: cached.diskSize });
});
