import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { StrakeError } from "../errors/index.ts";
import { crc32c } from "./crc32c.ts";
import type { Draft } from "./draft.test-support.ts";
import { buildIndex, ErofsReader, verifySuperblock } from "./index.ts";
import { entriesOf, readerOf } from "./index-view.test-support.ts";

test("crc32c of the check string, as the kernel leaves it (not inverted)", () => {
  expect(crc32c(Buffer.from("123456789"))).toBe(~0xe3069283 >>> 0);
});

describe("superblock", () => {
  test("is checked by its sum", () => {
    const { image } = buildIndex(entriesOf([{ path: "a" }]));
    expect(verifySuperblock(image)).toBe(true);
    image[1024 + 0x10]! ^= 1;
    expect(verifySuperblock(image)).toBe(false);
  });

  test("of another format, cut short or with unknown features is refused", () => {
    const { image } = buildIndex(entriesOf([]));
    const open = (at: number, value: number) => () => {
      const bytes = image.slice();
      bytes[at] = value;
      return new ErofsReader(bytes);
    };
    expect(() => new ErofsReader(new Uint8Array(0))).toThrow(StrakeError);
    expect(() => new ErofsReader(image.subarray(0, 1100))).toThrow(StrakeError);
    expect(open(1024, 0)).toThrow("superblock");
    expect(open(1024 + 0x50, 0x1f)).toThrow("unknown features");
    expect(open(1024 + 0x0c, 40)).toThrow("block size");
  });
});

/** Reads everything the index holds, at most `steps` nodes of it. */
function readAll(reader: ErofsReader, steps: number): number {
  const pending = [reader.root];
  let seen = 0;
  for (let nid = pending.pop(); nid !== undefined && seen < steps; nid = pending.pop()) {
    seen++;
    const inode = reader.inode(nid);
    reader.xattrs(nid);
    if (inode.type === "symlink") reader.readlink(nid);
    if (inode.type === "file") reader.extents(nid);
    if (inode.type !== "directory") continue;
    for (const child of reader.readdir(nid)) {
      reader.lookup(nid, child.name);
      pending.push(child.nid);
      if (pending.length > steps) return seen;
    }
  }
  return seen;
}

const sample: Draft[] = [
  {
    path: "d/",
    xattrs: new Map([
      ["user.a", Buffer.from("shared")],
      ["security.b", Buffer.alloc(700, 1)],
    ]),
  },
  { path: "d/f", body: "content", xattrs: new Map([["user.a", Buffer.from("shared")]]) },
  { path: "d/l", linkname: "x".repeat(700) },
  { path: "d/s", linkname: "f" },
  { path: "d/c", type: "char", devmajor: 1, devminor: 3 },
  ...Array.from({ length: 60 }, (_, i) => ({ path: `d/name-${i}` })),
];

test("a sound index is read completely", () => {
  expect(readAll(readerOf(sample), 1000)).toBe(66);
});

test("a damaged index gives EROFS_INVALID or other content, never anything else, and ends", () => {
  const { image } = buildIndex(entriesOf(sample));
  const flip = fc.tuple(fc.integer({ min: 1024, max: image.length - 1 }), fc.integer({ min: 0, max: 255 }));
  let refused = 0;
  fc.assert(
    fc.property(
      fc.array(flip, { minLength: 1, maxLength: 20 }),
      fc.option(fc.nat(image.length)),
      (flips, cut) => {
        const bytes = image.slice(0, cut ?? image.length);
        for (const [at, value] of flips) if (at < bytes.length) bytes[at] = value;
        try {
          readAll(new ErofsReader(bytes), 2000);
        } catch (error) {
          if (!(error instanceof StrakeError) || error.code !== "EROFS_INVALID") throw error;
          refused++;
        }
      },
    ),
    { numRuns: 2000 },
  );
  expect(refused).toBeGreaterThan(100);
});

test("methods refuse nodes of the wrong type", () => {
  const reader = readerOf([
    { path: "f", body: "1" },
    { path: "l", linkname: "f" },
  ]);
  const file = reader.lookup(reader.root, "f")!;
  expect(() => reader.lookup(file, "x")).toThrow(StrakeError);
  expect(() => [...reader.readdir(file)]).toThrow(StrakeError);
  expect(() => reader.readlink(file)).toThrow(StrakeError);
  expect(() => reader.extents(reader.root)).toThrow(StrakeError);
  expect(() => reader.inode(2 ** 50)).toThrow(StrakeError);
  expect(() => reader.inode(-1)).toThrow(StrakeError);
});
