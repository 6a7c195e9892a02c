import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PackedNames } from "./index.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "strake-names-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function read(path: string): PackedNames {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return PackedNames.read(fd);
  } finally {
    closeSync(fd);
  }
}

function make(name: string, files: readonly (string | Buffer)[]): string {
  const path = join(folder, name);
  mkdirSync(path);
  for (const file of files) writeFileSync(Buffer.concat([Buffer.from(`${path}/`), Buffer.from(file)]), "");
  return path;
}

describe("PackedNames", () => {
  test("an empty folder has none", () => {
    const names = read(make("empty", []));
    names.sort();
    expect([...names.latin1()]).toEqual([]);
    expect(names.count).toBe(0);
  });

  test("names that begin with dots are names, and the longest one is whole", () => {
    const files = [".a", "..", "...", "..b", "x".repeat(255)].filter((name) => name !== "..");
    const names = read(make("dots", files));
    names.sort();
    expect([...names.latin1()]).toEqual(files.sort());
    expect(names.isAscii).toBe(true);
  });

  test("bytes that are no text come as they are, in their order", () => {
    const names = read(make("bytes", [Buffer.of(0xff, 0x41), Buffer.of(0x41), Buffer.of(0xc3, 0xa9)]));
    names.sort();
    expect([...names.bytes()].map((bytes) => Buffer.from(bytes).toString("hex"))).toEqual([
      "41",
      "c3a9",
      "ff41",
    ]);
    expect([...names.latin1()]).toEqual(["A", "\u00c3\u00a9", "\u00ffA"]);
    expect(names.isAscii).toBe(false);
  });

  test("tens of thousands of names, over many reads and pieces of memory", () => {
    const files = Array.from({ length: 20_000 }, (_, i) => `${(i * 7919) % 20_000}-${"n".repeat(i % 60)}`);
    const path = make("many", files);
    const names = read(path);
    expect(new Set(names.latin1())).toEqual(new Set(files));
    names.sort();
    expect([...names.latin1()]).toEqual(files.sort());
  });

  test("only a folder whose size says so is large", () => {
    expect(PackedNames.ofLarge(make("small", ["a"]))).toBeUndefined();
    const long = "n".repeat(240);
    const files = Array.from({ length: 6000 }, (_, i) => `${i}-${long}`);
    const path = make("large", files);
    // Some file systems do not tell.
    if (statSync(path).size < 1 << 20) return console.log("skipped: a folder here has no size");
    const names = PackedNames.ofLarge(path)!;
    names.sort();
    expect([...names.latin1()]).toEqual(files.sort());
  });

  test("what is no folder is an error", () => {
    const fd = openSync(join(make("file", ["f"]), "f"), "r");
    expect(() => PackedNames.read(fd)).toThrow("getdents64");
    closeSync(fd);
  });
});
