import { expect, test } from "bun:test";
import { lstatSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { sha256 } from "../oci/index.ts";
import { temporaryStore } from "./fixture/temporary-store.ts";
import { decodeStamps, encodeStamps, type FileStamp } from "./stamp-format.ts";

const stamp: FileStamp = { size: 10, mtimeMs: 1_700_000_000_000.25, ctimeMs: 1_700_000_000_001.5, ino: 42 };
const later = 1_800_000_000_000;

test("a digest is given while the stamp is the same", () => {
  using t = temporaryStore();
  const first = t.store.contextStamps("/context");
  first.set("a", stamp, sha256("a"), later);
  first.save();
  const second = t.store.contextStamps("/context");
  expect(second.get("a", stamp)).toBe(sha256("a"));
  for (const changed of [{ size: 11 }, { mtimeMs: 1 }, { ctimeMs: 1 }, { ino: 43 }])
    expect(second.get("a", { ...stamp, ...changed })).toBeUndefined();
  expect(second.get("b", stamp)).toBeUndefined();
  expect(t.store.contextStamps("/other").size).toBe(0);
});

test("the stats of a real file are a stamp", () => {
  using t = temporaryStore();
  const path = join(t.root, "work", "file");
  writeFileSync(path, "x");
  const old = new Date(Date.now() - 3_600_000);
  utimesSync(path, old, old);
  const stats = lstatSync(path);
  const stamps = t.store.contextStamps("/context");
  stamps.set("file", stats, sha256("x"), stats.ctimeMs + 1000);
  stamps.save();
  expect(t.store.contextStamps("/context").get("file", lstatSync(path))).toBe(sha256("x"));
});

test("a file changed just before it was read is not remembered", () => {
  using t = temporaryStore();
  const stamps = t.store.contextStamps("/context");
  stamps.set("just now", stamp, sha256("a"), stamp.ctimeMs + 5);
  stamps.set("on a clock of seconds", { ...stamp, mtimeMs: 1000, ctimeMs: 5000 }, sha256("a"), 6500);
  stamps.set("old enough", stamp, sha256("a"), stamp.ctimeMs + 50);
  stamps.save();
  const again = t.store.contextStamps("/context");
  expect([again.size, again.get("old enough", stamp)]).toEqual([1, sha256("a")]);
});

test("saving without news writes nothing; files gone for good fade away", () => {
  using t = temporaryStore();
  const save = (from: number, to: number) => {
    const stamps = t.store.contextStamps("/context");
    for (let i = from; i < to; i++) stamps.set(`f${i}`, stamp, sha256(String(i)), later);
    stamps.save();
    return t.store.contextStamps("/context").size;
  };
  expect(save(0, 3000)).toBe(3000);
  expect(save(3000, 3100)).toBe(100);
  const [name] = readdirSync(t.store.layout.contexts);
  const before = lstatSync(join(t.store.layout.contexts, name!)).ino;
  const stamps = t.store.contextStamps("/context");
  stamps.get("f3000", stamp);
  stamps.save();
  expect(lstatSync(join(t.store.layout.contexts, name!)).ino).toBe(before);
});

test("what was written comes back; damaged bytes come back as nothing", () => {
  const numbers = fc.double({ noNaN: true });
  const row = fc.record({
    stamp: fc.record({ size: numbers, mtimeMs: numbers, ctimeMs: numbers, ino: numbers }),
    digest: fc.string().map(sha256),
  });
  const tables = fc.dictionary(
    fc.string({ unit: "binary", minLength: 1 }).filter((p) => !p.includes("\0")),
    row,
  );
  fc.assert(
    fc.property(tables, fc.nat(), (files, at) => {
      const bytes = encodeStamps(decodeStamps(undefined), new Map(Object.entries(files)), () => true);
      const table = decodeStamps(bytes);
      expect([...table.index.keys()].sort()).toEqual(Object.keys(files).sort());
      for (const [path, i] of table.index) {
        expect(`sha256:${table.hex.slice(i * 64, i * 64 + 64)}`).toBe(files[path]!.digest);
        const { size, mtimeMs, ctimeMs, ino } = files[path]!.stamp;
        expect([...table.stamps.subarray(i * 4, i * 4 + 4)]).toEqual([size, mtimeMs, ctimeMs, ino]);
      }
      const damaged = Uint8Array.from(bytes);
      damaged[at % damaged.length]! ^= 1;
      expect(decodeStamps(damaged).index.size).toBe(0);
      expect(decodeStamps(bytes.subarray(0, at % bytes.length)).index.size).toBe(0);
    }),
  );
});

test("a damaged file on disk is an empty table", () => {
  using t = temporaryStore();
  const stamps = t.store.contextStamps("/context");
  stamps.set("a", stamp, sha256("a"), later);
  stamps.save();
  const [name] = readdirSync(t.store.layout.contexts);
  const path = join(t.store.layout.contexts, name!);
  writeFileSync(path, Buffer.alloc(readFileSync(path).length));
  expect(t.store.contextStamps("/context").size).toBe(0);
});
