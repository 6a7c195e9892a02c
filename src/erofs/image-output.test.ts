import { expect, test } from "bun:test";
import { Buffer } from "node:buffer";
import { ImageOutput } from "./image-output.ts";
import { ErofsReader, IndexBuilder } from "./index.ts";
import { entriesOf } from "./index-view.test-support.ts";

test("places far apart and longer than the window come out as one image", () => {
  const pieces: Buffer[] = [];
  const output = new ImageOutput((bytes) => void pieces.push(Buffer.from(bytes)));
  const expected = Buffer.alloc(1_000_000);
  for (const [offset, length] of [
    [100, 3],
    [103, 130_000],
    [140_000, 300_000],
    [440_000, 1],
    [900_000, 5],
  ] as const) {
    const at = output.reserve(offset, length);
    expect(output.bytes.subarray(at, at + length).every((byte) => byte === 0)).toBe(true);
    output.bytes.fill(offset % 255, at, at + length);
    expected.fill(offset % 255, offset, offset + length);
  }
  output.finish(expected.length);
  expect(Buffer.concat(pieces).equals(expected)).toBe(true);
});

test("the index of many files is handed on in small pieces", () => {
  const count = 20_000;
  const drafts = Array.from({ length: count }, (_, i) => ({ path: `folder/${i}`, body: "x", mtime: i }));
  const builder = new IndexBuilder();
  for (const entry of entriesOf(drafts)) builder.add(entry);
  const pieces: Buffer[] = [];
  const { size, inodes } = builder.write((bytes) => void pieces.push(Buffer.from(bytes)));
  expect(inodes).toBe(count + 2);
  expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(size / 8);
  const reader = new ErofsReader(Buffer.concat(pieces));
  const [folder] = [...reader.readdir(reader.root)];
  expect([...reader.readdir(folder!.nid)].length).toBe(count);
});
