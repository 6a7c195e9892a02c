import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { PathRows } from "./path-rows.ts";

const path = fc.oneof(fc.string(), fc.constantFrom("/a", "/\udc80", "/\udc81", "/a\ufffd", "/é"));

describe("PathRows", () => {
  test("keeps numbers by path as a Map does", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(path, fc.nat())), (writes) => {
        const rows = new PathRows(2);
        const map = new Map<string, number>();
        for (const [each, value] of writes) {
          let row = rows.find(each);
          expect(row >= 0).toBe(map.has(each));
          if (row < 0) row = rows.add();
          rows.set(row, 1, value);
          map.set(each, value);
        }
        expect(rows.count).toBe(map.size);
        for (const [each, value] of map) {
          expect(rows.get(rows.find(each), 1)).toBe(value);
          expect(rows.get(rows.find(each), 0)).toBe(0);
        }
      }),
    );
  });

  test("takes its memory in pieces that stay where they are", () => {
    let allocated = 0;
    const rows = new PathRows(1, {
      allocate: (bytes) => {
        allocated += bytes;
        return new ArrayBuffer(bytes);
      },
      release: () => {},
    });
    for (let i = 0; i < 5000; i++) {
      rows.find(`/file${i}`);
      rows.set(rows.add(), 0, i);
    }
    expect(allocated).toBe(3 * 2048 * 3 * 8);
    for (const i of [0, 2047, 2048, 4999]) expect(rows.get(rows.find(`/file${i}`), 0)).toBe(i);
  });
});
