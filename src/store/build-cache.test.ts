import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { sha256 } from "../oci/index.ts";
import { makeLayer, temporaryStore } from "./fixture/temporary-store.ts";
import { LongText } from "./long-text.ts";

test("a result comes back under its key, its inputs apart", async () => {
  using t = temporaryStore();
  using lease = t.store.lease();
  const { diffID } = await makeLayer(t.store, "x", lease);
  const inputs = { op: "COPY", files: Array.from({ length: 1000 }, (_, i) => [`f${i}`, sha256(String(i))]) };
  const refs = [{ kind: "layer", key: diffID }] as const;
  expect(t.store.cache.put("k", { result: { diffID }, inputs, refs })).toBe(true);
  expect(t.store.cache.get("k")).toMatchObject({ key: "k", result: { diffID } });
  expect(t.store.cache.inputs("k")).toEqual(inputs);
  expect(t.store.cache.get("other")).toBeUndefined();
  expect(t.store.cache.inputs("other")).toBeUndefined();
  t.store.cache.put("k", { result: 2, inputs: null, refs: [] });
  expect(t.store.cache.list()).toMatchObject([{ key: "k", result: 2 }]);
  expect(t.store.cache.remove("k")).toBe(true);
  expect(t.store.cache.remove("k")).toBe(false);
  expect(t.store.cache.inputs("k")).toBeUndefined();
});

test("a result is made of the one before it, which nobody else changes meanwhile", () => {
  using t = temporaryStore();
  const plain = { inputs: 1, refs: [] };
  const first = (mine: string) => (before: unknown) => before ?? mine;
  expect(t.store.cache.replace("k", first("a"), plain)).toBe("a");
  expect(t.store.cache.replace("k", first("b"), plain)).toBe("a");
  expect(t.store.cache.get("k")).toMatchObject({ result: "a" });
  const refs = [{ kind: "layer", key: sha256("none") }] as const;
  expect(t.store.cache.replace("k", () => "c", { inputs: 1, refs })).toBeUndefined();
  expect(t.store.cache.get("k")).toMatchObject({ result: "a" });
});

test("a result whose layer is gone is not kept", () => {
  using t = temporaryStore();
  const refs = [{ kind: "layer", key: sha256("none") }] as const;
  expect(t.store.cache.put("k", { result: 1, inputs: 1, refs })).toBe(false);
  expect(t.store.cache.get("k")).toBeUndefined();
});

test("gc keeps what records need, unless the policy drops them", async () => {
  using t = temporaryStore();
  const lease = t.store.lease();
  const layers = [];
  for (const name of ["a", "b", "c"]) {
    const layer = await makeLayer(t.store, name.repeat(1000), lease);
    layers.push(layer);
    t.store.cache.put(name, { result: name, inputs: name, refs: [{ kind: "layer", key: layer.diffID }] });
    await Bun.sleep(2);
  }
  lease.release();
  expect(t.store.gc().layers).toEqual([]);
  await Bun.sleep(2);
  t.store.cache.touch("a");
  expect(t.store.gc({ cache: { unusedFor: 3_600_000 } }).cacheRecords).toEqual([]);

  const room = layers[0]!.diskSize * 2;
  const report = t.store.gc({ cache: { maxBytes: room }, verify: true });
  expect(report).toMatchObject({
    cacheRecords: ["b"],
    layers: [{ digest: layers[1]!.diffID }],
    problems: [],
  });
  expect(t.store.gc({ cache: { all: true } }).layers).toHaveLength(2);
  expect(t.store.cache.list()).toEqual([]);
});

test("inputs that are long come in pieces and are read as one", () => {
  using t = temporaryStore();
  const files = new LongText();
  const pieces = ['a "quoted" name\0', "caf\udce9\0", "x".repeat(200_000)];
  for (const piece of pieces) files.append(piece);
  t.store.cache.put("k", {
    result: 1,
    inputs: { op: "COPY" },
    texts: { files, empty: new LongText() },
    refs: [],
  });
  expect(t.store.cache.inputs("k")).toEqual({ files: pieces.join(""), empty: "", op: "COPY" });
});

test("inputs of several megabytes are rows of one, replaced and removed together, and of no other record", () => {
  using t = temporaryStore();
  const rows = () => {
    const sqlite = new Database(t.store.layout.database, { readonly: true });
    using _ = { [Symbol.dispose]: () => sqlite.close() };
    return sqlite.query("select key, length(inputs) as size from cache_inputs order by key").all() as {
      key: string;
      size: number;
    }[];
  };
  const put = (key: string, megabytes: number) => {
    const files = new LongText();
    let text = "";
    for (let i = 0; i < megabytes * 16; i++) {
      // Hexadecimal digits of random bytes take half of their length.
      const piece = Buffer.from(crypto.getRandomValues(new Uint8Array(65_536))).toString("hex");
      files.append(piece);
      text += piece;
    }
    t.store.cache.put(key, { result: 1, inputs: { op: key }, texts: { files }, refs: [] });
    expect(t.store.cache.inputs(key)).toEqual({ files: text, op: key });
  };
  put("k", 3);
  put("k2", 1);
  const keys = (key: string) => rows().flatMap((row) => (row.key.split(" ")[0] === key ? row.key : []));
  // Half of a megabyte of digits is left, plus the first and the last frame.
  expect(keys("k").slice(0, 3)).toEqual(["k", "k 00000001", "k 00000002"]);
  expect(keys("k").length).toBeGreaterThan(10);
  expect(keys("k2").length).toBeGreaterThan(3);
  for (const { size } of rows()) expect(size).toBeLessThanOrEqual(256 << 10);
  put("k", 1);
  expect(keys("k").length).toBe(keys("k2").length);
  t.store.cache.remove("k");
  expect(keys("k")).toEqual([]);
  expect(keys("k2").length).toBeGreaterThan(3);
  t.store.cache.remove("k2");
  expect(rows()).toEqual([]);
});
