import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { StrakeError } from "../errors/index.ts";
import type { Entry, SparseExtent } from "../tar/index.ts";
import { fileChunkBits, planSparse, type SparsePlan } from "./chunk-plan.ts";
import { buildIndex, ErofsReader } from "./index.ts";

const block = 512;

function sparseEntry(size: number, sparse: readonly SparseExtent[]): Entry {
  const storedSize = sparse.reduce((sum, extent) => sum + extent.length, 0);
  const empty = {
    uid: 0,
    gid: 0,
    mtime: 0,
    mtimeNsec: 0,
    linkname: "",
    uname: "",
    gname: "",
    devmajor: 0,
    devminor: 0,
  };
  return {
    ...empty,
    type: "file",
    path: "f",
    mode: 0o644,
    size,
    sparse,
    storedSize,
    headerOffset: 0,
    dataOffset: block,
  };
}

function plan(size: number, extents: readonly SparseExtent[]): SparsePlan {
  return planSparse({ path: "f", size, dataOffset: block, extents });
}

test("a file is one chunk up to a terabyte", () => {
  expect(fileChunkBits(1)).toBe(9);
  expect(fileChunkBits(513)).toBe(10);
  expect(fileChunkBits(2 ** 40)).toBe(40);
  expect(fileChunkBits(2 ** 41)).toBe(40);
});

describe("sparse files", () => {
  test("aligned extents are pointed at, in the largest chunks that fit them", () => {
    const aligned = plan(1 << 30, [{ offset: 1 << 20, length: 1 << 20 }]);
    expect(aligned).toEqual({ bits: 20, count: 1024, copied: 0 });
  });

  test("a file that is one hole is one index", () => {
    expect(plan(2 ** 40, [{ offset: 2 ** 40, length: 0 }])).toMatchObject({ count: 1, copied: 0 });
  });

  test("a few bytes in 300 GB (lastlog of a large uid) cost some megabytes", () => {
    const size = 300 * 2 ** 30;
    const { count, copied } = plan(size, [
      { offset: 292 * 1e9 - 208, length: 292 },
      { offset: size, length: 0 },
    ]);
    expect(count * 8 + copied).toBeLessThan(8 << 20);
    expect(copied).toBeGreaterThan(0);
  });

  test("extents that touch are one run although neither is aligned", () => {
    const { copied } = plan(2048, [
      { offset: 512, length: 100 },
      { offset: 612, length: 412 },
    ]);
    expect(copied).toBe(0);
  });

  test("extents that overlap, go back or leave the file are refused", () => {
    for (const extents of [
      [
        { offset: 0, length: 10 },
        { offset: 5, length: 10 },
      ],
      [
        { offset: 50, length: 10 },
        { offset: 0, length: 10 },
      ],
      [{ offset: 90, length: 11 }],
    ])
      expect(() => plan(100, extents)).toThrow(StrakeError);
  });

  test("one that would need a huge index is refused, not allocated", () => {
    const extents = Array.from({ length: 100 }, (_, i) => ({ offset: i * 2 ** 43 + 77, length: 1 }));
    expect(() => plan(2 ** 50, extents)).toThrow("16 MiB");
  });

  test("many small ones that each would copy much are refused together", () => {
    const one = sparseEntry(
      2 ** 20,
      Array.from({ length: 2 }, (_, i) => ({ offset: i * 2 ** 19 + 1, length: 2 ** 18 })),
    );
    const read = (_offset: number, length: number) => new Uint8Array(length);
    const entries = Array.from({ length: 1000 }, (_, i) => ({ ...one, path: `f${i}` }));
    expect(() => buildIndex(entries, { read })).toThrow("64 MiB");
    expect(() => buildIndex(entries.slice(0, 10), { read })).not.toThrow();
  });

  test("without a reader a file that needs copying is refused", () => {
    expect(() => buildIndex([sparseEntry(2000, [{ offset: 100, length: 5 }])])).toThrow(StrakeError);
  });

  test("read back, every byte is where the map says", () => {
    const map = fc.array(fc.tuple(fc.nat(3000), fc.nat(3000)), { maxLength: 8 });
    const scale = fc.constantFrom(1, 100, 512, 4096);
    fc.assert(
      fc.property(map, scale, fc.nat(5000), (steps, unit, rest) => {
        const sparse: SparseExtent[] = [];
        let end = 0;
        for (const [gap, length] of steps) {
          sparse.push({ offset: end + (gap % 9) * unit, length: (length % 9) * unit });
          end = sparse.at(-1)!.offset + sparse.at(-1)!.length;
        }
        const size = Math.max(1, end + (rest % 2) * rest);
        const entry = sparseEntry(size, sparse);
        const tar = new Uint8Array(block + entry.storedSize).map((_, i) => (i * 7 + (i >> 8)) % 251 || 1);
        const expected = new Uint8Array(size);
        let stored = block;
        for (const extent of sparse) {
          expected.set(tar.subarray(stored, stored + extent.length), extent.offset);
          stored += extent.length;
        }
        const read = (offset: number, length: number) => tar.slice(offset, offset + length);
        const reader = new ErofsReader(buildIndex([entry], { read }).image);
        const found = new Uint8Array(size);
        for (const extent of reader.extents(reader.lookup(reader.root, "f")!)) {
          const source = extent.device === 0 ? reader.image : tar;
          found.set(source.subarray(extent.offset, extent.offset + extent.length), extent.fileOffset);
        }
        expect(Buffer.compare(found, expected)).toBe(0);
      }),
    );
  });
});
