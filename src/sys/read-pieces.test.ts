import { expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pieceSize } from "./piece.ts";
import { readPieces } from "./read-pieces.ts";
import { StreamFile } from "./stream-file.ts";

const folder = mkdtempSync(join(tmpdir(), "strake-read-pieces-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const numbered = (length: number) => Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 31) ^ (i >> 9)));

/** What the descriptors of this process lead to. */
function openFiles(): string[] {
  return readdirSync("/proc/self/fd").map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      // The one that the listing itself had.
      return "";
    }
  });
}

async function all(path: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const piece of readPieces(path)) parts.push(Buffer.from(piece));
  return Buffer.concat(parts);
}

for (const size of [
  0,
  1,
  511,
  512,
  4096,
  5000,
  pieceSize - 1,
  pieceSize,
  pieceSize + 512,
  2 * pieceSize + 777,
])
  test(`${size} bytes, in the page cache and not`, async () => {
    const bytes = numbered(size);
    const cached = join(folder, `cached${size}`);
    writeFileSync(cached, bytes);
    expect((await all(cached)).equals(bytes)).toBe(true);

    const path = join(folder, `past${size}`);
    const file = new StreamFile(openSync(path, "wx+"), path);
    await file.append(bytes);
    await file.sync();
    await file.close();
    expect((await all(path)).equals(bytes)).toBe(true);
  });

test("whoever stops early leaves nothing open", async () => {
  const path = join(folder, "early");
  writeFileSync(path, numbered(3 * pieceSize));
  for (let i = 0; i < 5; i++) for await (const _ of readPieces(path)) break;
  expect(openFiles()).not.toContain(path);
  const fd = openSync(path, "r");
  expect(openFiles()).toContain(path);
  closeSync(fd);
});

test("a file that is not there is an error of the system", async () => {
  await expect(all(join(folder, "none"))).rejects.toMatchObject({ code: "SYS_NOT_FOUND" });
});
