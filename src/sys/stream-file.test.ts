import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Pieces, pieceSize } from "./piece.ts";
import { StreamFile, type StreamFileOptions } from "./stream-file.ts";

const folder = mkdtempSync(join(tmpdir(), "strake-stream-file-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

/** Bytes of which no two blocks are alike. */
function numbered(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32LE((seed * 0x9e3779b1 + at) >>> 0, at);
  return bytes;
}

/** Writes parts behind `start`, each from memory that is used again at once. */
async function written(
  parts: readonly Buffer[],
  options: StreamFileOptions & { start?: Buffer } = {},
): Promise<{ bytes: Buffer; length: number }> {
  const path = join(folder, crypto.randomUUID());
  writeFileSync(path, options.start ?? "");
  const file = new StreamFile(openSync(path, "r+"), path, {
    ...options,
    position: options.start?.length ?? 0,
  });
  for (const part of parts) {
    const memory = Buffer.from(part);
    await file.append(memory);
    memory.fill(0xee);
  }
  await file.sync();
  await file.close();
  return { bytes: readFileSync(path), length: file.written };
}

const sizes = [0, 1, 4095, 4096, 4097, pieceSize - 1, pieceSize, pieceSize + 1, 3 * pieceSize + 5000, 17];
const ways: [string, () => StreamFileOptions][] = [
  ["past the cache", () => ({})],
  ["through the cache", () => ({ direct: false })],
  ["with one piece of memory", () => ({ pieces: new Pieces(1) })],
  ["without any", () => ({ pieces: new Pieces(0) })],
  ["by the caller's own thread", () => ({ blocking: true })],
  ["for somebody who reads along", () => ({ eager: true })],
];

for (const [name, options] of ways) {
  test(`${name}: each size, alone and after a start inside of a block`, async () => {
    for (const [i, size] of sizes.entries())
      for (const start of [Buffer.alloc(0), numbered(5001, 99)]) {
        const part = numbered(size, i + 1);
        const { bytes, length } = await written([part], { start, ...options() });
        expect(bytes.equals(Buffer.concat([start, part]))).toBe(true);
        expect(length).toBe(start.length + size);
      }
  });

  test(`${name}: many parts of many sizes are in order`, async () => {
    const parts = Array.from({ length: 60 }, (_, i) => numbered((i * 77_777) % 1_300_000, i));
    expect((await written(parts, options())).bytes.equals(Buffer.concat(parts))).toBe(true);
  });
}

test("two files share the memory; the one that gets none is written all the same", async () => {
  const pieces = new Pieces(2);
  const parts = (seed: number) => Array.from({ length: 30 }, (_, i) => numbered(200_001, seed * 100 + i));
  const both = await Promise.all([1, 2, 3].map((seed) => written(parts(seed), { pieces })));
  for (const [i, { bytes }] of both.entries()) expect(bytes.equals(Buffer.concat(parts(i + 1)))).toBe(true);
  expect([pieces.take(), pieces.take()]).not.toContain(undefined);
});

test("whoever reads along finds each byte that was appended", async () => {
  const path = join(folder, "along");
  const file = new StreamFile(openSync(path, "wx+"), path, { eager: true });
  for (let i = 1; i <= 20; i++) {
    await file.append(numbered(70_001, i));
    expect(readFileSync(path).length).toBe(i * 70_001);
  }
  await file.close();
});

const tiny = mkdtempSync(join(folder, "tiny-"));
const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=2m", "none", tiny]).status === 0;
if (!mounted) console.log("skipped: mounting a small tmpfs needs root");
if (mounted) spawnSync("umount", [tiny]);

test.skipIf(!mounted).each([{}, { direct: false }, { blocking: true }])(
  "a full disk is an error, and what counts as written is there without gaps: %p",
  async (options) => {
    spawnSync("mount", ["-t", "tmpfs", "-o", "size=2m", "none", tiny]);
    try {
      const path = join(tiny, "file");
      const file = new StreamFile(openSync(path, "wx+"), path, options);
      const all = numbered(6 << 20, 5);
      const failure = await (async () => {
        for (let at = 0; at < all.length; at += 100_000) await file.append(all.subarray(at, at + 100_000));
        await file.sync();
      })().catch((error) => error.code);
      await file.close();
      expect(failure).toBe("SYS_EXHAUSTED");
      expect(file.written).toBeGreaterThan(1 << 20);
      const stored = readFileSync(path).subarray(0, file.written);
      expect(stored.equals(all.subarray(0, file.written))).toBe(true);
    } finally {
      spawnSync("umount", [tiny]);
    }
  },
);

test("closing in the middle gives back the memory and hides no later use", async () => {
  const pieces = new Pieces(3);
  const path = join(folder, "closed");
  const file = new StreamFile(openSync(path, "wx+"), path, { pieces });
  await file.append(numbered(3 * pieceSize + 100, 1));
  await file.close();
  expect([pieces.take(), pieces.take(), pieces.take()]).not.toContain(undefined);
  await expect(file.append(Buffer.alloc(1))).rejects.toThrow();
});
