import { expect, test } from "bun:test";
import { lstatSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { digestHex, sha256 } from "../oci/index.ts";
import { temporaryStore } from "./fixture/temporary-store.ts";
import {
  decodeStamps,
  type FileStamp,
  pathNumber,
  rowSize,
  StampEncoder,
  StampRows,
} from "./stamp-format.ts";

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

test("a digest that was set is given in the same scan, and counts once", () => {
  using t = temporaryStore();
  const stamps = t.store.contextStamps("/context");
  stamps.set("a", stamp, sha256("a"), later);
  stamps.set("a", stamp, sha256("a"), later);
  expect(stamps.get("a", stamp)).toBe(sha256("a"));
  stamps.save();
  expect(t.store.contextStamps("/context").size).toBe(1);
});

test("files are found in any order, changed ones by what they are now", () => {
  using t = temporaryStore();
  const digestOf = (i: number) => sha256(String(i));
  const names = Array.from({ length: 5000 }, (_, i) => i);
  const first = t.store.contextStamps("/context");
  for (const i of names) first.set(`f${i}`, { ...stamp, ino: i }, digestOf(i), later);
  first.save();
  const second = t.store.contextStamps("/context");
  for (const i of names.toReversed())
    if (i % 7 !== 0) expect(second.get(`f${i}`, { ...stamp, ino: i })).toBe(digestOf(i));
  for (const i of names) if (i % 7 === 0) second.set(`f${i}`, { ...stamp, ino: -i - 1 }, digestOf(-i), later);
  second.save();
  const third = t.store.contextStamps("/context");
  expect(third.size).toBe(5000);
  for (const i of names)
    expect(third.get(`f${i}`, { ...stamp, ino: i % 7 === 0 ? -i - 1 : i })).toBe(
      digestOf(i % 7 === 0 ? -i : i),
    );
});

test("rows lie in the order of the scan: changed files in their place, new ones behind the file before them", () => {
  using t = temporaryStore();
  const scan = (files: Record<string, number>) => {
    const stamps = t.store.contextStamps("/context");
    for (const [name, ino] of Object.entries(files))
      if (!stamps.get(name, { ...stamp, ino }))
        stamps.set(name, { ...stamp, ino }, sha256(`${name}${ino}`), later);
    stamps.save();
    const [file] = readdirSync(t.store.layout.contexts);
    const rows = decodeStamps(readFileSync(join(t.store.layout.contexts, file!)));
    return Array.from({ length: rows.count }, (_, row) => rows.path(row));
  };
  const numbers = (text: string) => text.split(" ").map(pathNumber);
  expect(scan({ a: 1, b: 2, c: 3, d: 4, e: 5 })).toEqual(numbers("a b c d e"));
  expect(scan({ a: 1, b: 20, c: 3, d: 4, e: 5 })).toEqual(numbers("a b c d e"));
  expect(scan({ a: 1, b: 20, bb: 6, c: 3, d: 40, dd: 7, e: 5 })).toEqual(numbers("a b bb c d dd e"));
  // What was not asked for comes behind.
  expect(scan({ a: 1, c: 30, e: 50 })).toEqual(numbers("a c b bb e d dd"));
  expect(scan({ e: 51, a: 11, f: 8 }).toSorted()).toEqual(numbers("a b bb c d dd e f").toSorted());
  // Wherever rows were found, once changed they come as they were asked for.
  expect(scan({ a: 14, b: 24, bb: 64, c: 34, d: 44, dd: 74, e: 54, f: 84 })).toEqual(
    numbers("a b bb c d dd e f"),
  );
  const last = t.store.contextStamps("/context");
  for (const [name, ino] of [
    ["a", 14],
    ["b", 24],
    ["c", 34],
    ["e", 54],
    ["f", 84],
  ] as const)
    expect(last.get(name, { ...stamp, ino })).toBe(sha256(`${name}${ino}`));
});

test("what was written comes back; damaged bytes come back as nothing", () => {
  const numbers = fc.double({ noNaN: true });
  const row = fc.record({
    path: fc.string({ unit: "binary", minLength: 1 }),
    stamp: fc.record({ size: numbers, mtimeMs: numbers, ctimeMs: numbers, ino: numbers }),
    digest: fc.string().map(sha256),
  });
  fc.assert(
    fc.property(fc.array(row), fc.nat(), (files, at) => {
      const rows = new StampRows(Buffer.alloc(files.length * rowSize), 0);
      for (const { path, stamp: facts, digest } of files)
        rows.add(pathNumber(path), facts, digestHex(digest));
      const encoder = new StampEncoder(files.length);
      encoder.update(rows.bytes);
      const bytes = Buffer.concat([encoder.header(), rows.bytes]);
      const table = decodeStamps(bytes);
      expect(table.count).toBe(files.length);
      for (const [i, { path, stamp: facts, digest }] of files.entries()) {
        expect(table.path(i)).toBe(pathNumber(path));
        expect(table.hasStamp(i, facts)).toBe(true);
        expect(table.hasStamp(i, { ...facts, ino: facts.ino + 1e300 })).toBe(facts.ino + 1e300 === facts.ino);
        expect(table.hex(i)).toBe(digestHex(digest));
      }
      const damaged = Uint8Array.from(bytes);
      damaged[at % damaged.length]! ^= 1;
      expect(decodeStamps(damaged).count).toBe(0);
      expect(decodeStamps(bytes.subarray(0, at % bytes.length)).count).toBe(0);
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
