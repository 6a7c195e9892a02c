import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FolderLists, type Listing, namesOf, rowOf } from "./folder-list.ts";

const name = fc
  .oneof(fc.string({ minLength: 1 }), fc.constantFrom("\udc80", "a\udcff", "é", "\u{1f600}", "x".repeat(255)))
  .filter((text) => !text.includes("/") && !text.includes("\0"));

function add(lists: FolderLists, entries: readonly (readonly [name: string, row: number])[]): Listing {
  const writer = lists.begin();
  for (const [each, row] of entries) writer.add(each, row);
  return writer.end();
}

const listed = (listing: Listing) =>
  listing.flatMap((part) => namesOf(part).map((each, i) => [each, rowOf(part, i)] as [string, number]));

describe("FolderLists", () => {
  test("gives back the names and rows of each folder", () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.tuple(name, fc.nat(2 ** 32 - 1)))), (folders) => {
        const lists = new FolderLists();
        const listings = folders.map((folder) => add(lists, folder));
        for (const [i, folder] of folders.entries()) expect(listed(listings[i]!)).toEqual(folder);
      }),
    );
  });

  test("finds names that were added sorted, and no others", () => {
    fc.assert(
      fc.property(fc.uniqueArray(name), fc.array(name), (names, others) => {
        const lists = new FolderLists();
        const sorted = names.toSorted();
        const first = add(lists, [["only", 7]]);
        const listing = add(
          lists,
          sorted.map((each, row) => [each, row] as const),
        );
        for (const each of [...names, ...others]) {
          const row = sorted.indexOf(each);
          expect(lists.find(listing, each)).toBe(row < 0 ? undefined : row);
        }
        expect(lists.find(first, "only")).toBe(7);
      }),
    );
  });

  test("keeps a folder of many names in parts, each in one piece of memory", () => {
    const pieces: number[] = [];
    const memory = {
      allocate: (bytes: number) => {
        pieces.push(bytes);
        return new ArrayBuffer(bytes);
      },
      release: () => {},
    };
    const names = Array.from({ length: 10_000 }, (_, i) => String(i).padStart(250, "0"));
    const lists = new FolderLists(memory);
    const listing = add(
      lists,
      names.map((each, row) => [each, row] as const),
    );
    expect(listing).toHaveLength(5);
    for (const row of [0, 2047, 2048, 9999]) expect(lists.find(listing, names[row]!)).toBe(row);
    expect(pieces.length).toBeGreaterThan(2);
    let next = 0;
    for (const [each, row] of listed(listing)) {
      expect(row).toBe(next);
      expect(each).toBe(names[next++]!);
    }
    expect(next).toBe(10_000);
  });
});
