import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FileMemory, mount, umount, umountFlags } from "./index.ts";

const folder = mkdtempSync(join(tmpdir(), "strake-file-memory-"));
afterAll(() => rmSync(folder, { recursive: true }));

const mebi = 1 << 20;

/** Descriptors of files below the test's folder. */
function openFiles(): string[] {
  const found: string[] = [];
  for (const fd of readdirSync("/proc/self/fd"))
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      if (target.startsWith(folder)) found.push(target);
    } catch {
      // The descriptor of the listing itself.
    }
  return found;
}

/** MiB of files in the process. */
const filesResident = () => (Number(readFileSync("/proc/self/statm", "latin1").split(" ")[2]) * 4096) / mebi;

describe("FileMemory", () => {
  test("stays in the heap below its limit", () => {
    using memory = new FileMemory(join(folder, "small"), { heapLimit: 100 });
    expect(memory.allocate(60).byteLength).toBe(60);
    expect(memory.allocate(40).byteLength).toBe(40);
    memory.release();
    expect(memory.fileBytes).toBe(0);
    expect(openFiles()).toEqual([]);
  });

  test("goes to a file without a name above it, and gives it back", () => {
    const memory = new FileMemory(join(folder, "large"), { heapLimit: 0 });
    const bytes = new Uint8Array(memory.allocate(10));
    expect([...bytes]).toEqual(Array(10).fill(0));
    expect(memory.fileBytes).toBe(4096);
    expect(readdirSync(folder)).toEqual([]);
    expect(openFiles()).toHaveLength(1);
    memory.close();
    memory.close();
    expect(openFiles()).toEqual([]);
    expect(memory.allocate(8).byteLength).toBe(8);
  });

  test("keeps what was written, in pieces that do not touch each other, while its pages come and go", () => {
    using memory = new FileMemory(join(folder, "kept"), { heapLimit: 0 });
    const pieces = [1, 4095, 4097, 5 * mebi, 8, 9 * mebi].map(
      (size) => new Uint8Array(memory.allocate(size)),
    );
    for (const [i, piece] of pieces.entries()) piece.fill(i + 1);
    for (let i = 0; i < 100; i++) memory.release();
    for (const [i, piece] of pieces.entries()) expect(piece.every((byte) => byte === i + 1)).toBe(true);
    expect(new Float64Array(memory.allocate(16))).toEqual(new Float64Array(2));
  });

  test("a pass over 128 MiB takes a small part of it", () => {
    using memory = new FileMemory(join(folder, "pass"), { heapLimit: 0 });
    const words = new Uint32Array(memory.allocate(128 * mebi));
    const before = filesResident();
    let most = 0;
    for (let i = 0; i < words.length; i++) {
      words[i] = i;
      if (i % 65_536 !== 0) continue;
      memory.release();
      most = Math.max(most, filesResident() - before);
    }
    for (let i = 0; i < words.length; i++) {
      if (words[i] !== i) throw new Error(`word ${i} is ${words[i]}`);
      if (i % 65_536 === 0) memory.release();
    }
    expect(most).toBeLessThan(16);
  });

  test("takes from the heap what a full disk has no room for: no SIGBUS", () => {
    const disk = mkdtempSync(join(tmpdir(), "strake-file-memory-"));
    try {
      mount({ source: "tmpfs", target: disk, type: "tmpfs", data: "size=6m,mode=0700" });
    } catch (error) {
      console.log(`skipped: a tmpfs cannot be mounted here (${error})`);
      rmSync(disk, { recursive: true });
      return;
    }
    try {
      using memory = new FileMemory(join(disk, "file"), { heapLimit: 0 });
      const pieces = [3, 1, 2, 8].map((size) => new Uint8Array(memory.allocate(size * mebi)));
      for (const piece of pieces) piece.fill(7);
      memory.release();
      for (const piece of pieces) expect(piece.every((byte) => byte === 7)).toBe(true);
      expect(memory.fileBytes).toBe(4 * mebi);
    } finally {
      umount(disk, umountFlags.detach);
      rmSync(disk, { recursive: true });
    }
  });

  test("takes from the heap where no file can be made", () => {
    using memory = new FileMemory(join(folder, "missing", "file"), { heapLimit: 0 });
    const bytes = new Uint8Array(memory.allocate(5000));
    bytes.fill(1);
    memory.release();
    expect(memory.fileBytes).toBe(0);
    expect(bytes[4999]).toBe(1);
  });
});
