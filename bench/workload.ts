import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** 20,000 files of 92 MB in all: the size of a mid-sized node_modules. */
export const manyFiles = { count: 20_000, bytes: 92_000_000 };

/** Small, fast, seeded: contents must differ between rounds, or a content cache would make a cold build a warm one. */
function randomBytes(seed: number): (length: number) => Uint8Array {
  let state = seed >>> 0 || 1;
  return (length) => {
    const out = new Uint8Array(length);
    const words = new DataView(out.buffer);
    for (let i = 0; i + 4 <= length; i += 4) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      words.setUint32(i, state >>> 0);
    }
    return out;
  };
}

/** Writes a build context with `count` files in directories of 100; sizes vary around the mean. */
export function writeManyFiles(directory: string, seed: number, size = manyFiles): void {
  const bytes = randomBytes(seed);
  const mean = size.bytes / size.count;
  for (let i = 0; i < size.count; i++) {
    const parent = join(directory, `d${Math.floor(i / 1000)}`, `e${Math.floor(i / 100) % 10}`);
    if (i % 100 === 0) mkdirSync(parent, { recursive: true });
    const length = Math.round(mean * (0.25 + (1.5 * (i % 101)) / 100));
    writeFileSync(join(parent, `file${i}.js`), bytes(length));
  }
}

/** One file of the given size, written in pieces. */
export async function writeLargeFile(path: string, mebibytes: number): Promise<void> {
  const bytes = randomBytes(7);
  const sink = Bun.file(path).writer();
  for (let i = 0; i < mebibytes; i++) {
    sink.write(bytes(1024 * 1024));
    await sink.flush();
  }
  await sink.end();
}
