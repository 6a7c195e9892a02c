import { describe, expect, test } from "bun:test";
import type { Entry } from "../tar/index.ts";
import { IndexBuilder } from "./builder.ts";
import { heapMemory, longer, Pace, type TableMemory } from "./table-memory.ts";

/** Counts what is asked of it. */
class CountingMemory implements TableMemory {
  bytes = 0;
  releases = 0;
  allocate(bytes: number): ArrayBuffer {
    this.bytes += bytes;
    return new ArrayBuffer(bytes);
  }
  release(): void {
    this.releases++;
  }
}

function file(path: string, number: number): Entry {
  const times = { mtime: 1700000000 + (number % 3), mtimeNsec: 0 };
  const nobody = { uname: "", gname: "", uid: 0, gid: 0, linkname: "", devmajor: 0, devminor: 0 };
  const place = { headerOffset: number * 1024, dataOffset: number * 1024 + 512, size: 12, storedSize: 12 };
  return { type: "file", path, mode: 0o644, ...times, ...nobody, ...place };
}

/** Folders of a hundred, of one, and one of 3,000 whose names come in no order. */
function* entries(): Generator<Entry> {
  let number = 0;
  for (; number < 3000; number++) yield file(`many/${number % 30}/${number}`, number);
  for (; number < 6000; number++) yield file(`one/${number}/file`, number);
  for (; number < 9000; number++) yield file(`large/${(number * 7919) % 3000}`, number);
  for (; number < 9100; number++) yield file(`many/${number % 30}/${number % 3000}`, number);
}

describe("tables of an index", () => {
  test("give the same image wherever their memory comes from, which they ask to be released on the way", () => {
    const memory = new CountingMemory();
    const images = [memory, heapMemory].map((each) => {
      const builder = new IndexBuilder(each);
      for (const entry of entries()) builder.add(entry);
      return builder.finish({ tarSize: 9100 * 1024 });
    });
    expect(Buffer.compare(images[0]!.image, images[1]!.image)).toBe(0);
    expect(images[0]!.inodes).toBe(12_034);
    // Every name is passed some ten times, 512 of them between two releases.
    expect(memory.releases).toBeGreaterThan(200);
    expect(memory.bytes).toBeGreaterThan(12_000 * 100);
  });

  test("a longer column begins as the shorter one, and its rest is zero", () => {
    const memory = new CountingMemory();
    const from = Float64Array.from({ length: 300_000 }, (_, i) => i);
    const to = longer(memory, from, 400_000);
    expect(to.length).toBe(400_000);
    expect(to.subarray(0, 300_000)).toEqual(from);
    expect(to.subarray(300_000).every((number) => number === 0)).toBe(true);
    expect(memory.releases).toBe(2);
  });

  test("a pace releases by steps, and after fewer jumps", () => {
    const memory = new CountingMemory();
    const pace = new Pace(memory);
    for (let i = 0; i < 511; i++) pace.step();
    expect(memory.releases).toBe(0);
    pace.step();
    expect(memory.releases).toBe(1);
    for (let i = 0; i < 8; i++) pace.jump();
    expect(memory.releases).toBe(2);
  });
});
