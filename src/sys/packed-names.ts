import { closeSync, constants, openSync, statSync } from "node:fs";
import { heapMemory, IdSort } from "../erofs/index.ts";
import { sysError } from "./errno.ts";
import { errno } from "./libc.ts";
import { syscall } from "./syscall.ts";

/** Bytes of a folder from which on its names are worth packing: some 40,000 of them. */
const largeSize = 1 << 20;
/** Bytes of entries asked for at once. */
const readSize = 128 << 10;
/** Bits of an id that say where in its piece a name is. */
const pieceBits = 18;
const pieceSize = 1 << pieceBits;

/**
 * The names in one folder, without `.` and `..`: their bytes and four more for each, where a string takes 60. A million names
 * take 20 MB.
 */
export class PackedNames {
  /** Each name with its length in front. */
  readonly #pieces: Uint8Array[] = [];
  #used = pieceSize;
  #ids = new Uint32Array(4096);
  #count = 0;
  #isAscii = true;

  /**
   * The names of a folder whose own size says that they are very many; undefined for all others, and on file systems that do not tell.
   * Errors: those of node:fs, SYS_*.
   */
  static ofLarge(path: string): PackedNames | undefined {
    if (process.platform !== "linux" || statSync(path).size < largeSize) return undefined;
    const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      return PackedNames.read(fd);
    } finally {
      closeSync(fd);
    }
  }

  /** Reads the folder from where its descriptor stands, which is open for reading. Errors: SYS_*. */
  static read(fd: number): PackedNames {
    const names = new PackedNames();
    const entries = Buffer.alloc(readSize);
    for (;;) {
      const length = syscall("getdents64", fd, entries, entries.length);
      if (length < 0) throw sysError(errno(), { call: "getdents64" });
      if (length === 0) return names;
      for (let at = 0; at < length; at += entries.readUInt16LE(at + 16)) names.#take(entries, at + 19);
    }
  }

  get count(): number {
    return this.#count;
  }

  /** No name has other bytes than ASCII: then bytes and strings are in the same order. */
  get isAscii(): boolean {
    return this.#isAscii;
  }

  /** Sorts by bytes. */
  sort(): void {
    new IdSort(heapMemory, (a, b) => this.#compare(a, b)).sort(this.#ids.subarray(0, this.#count));
  }

  /** Each name's bytes, which stay the table's. */
  *bytes(): Generator<Uint8Array, void, undefined> {
    for (let i = 0; i < this.#count; i++) {
      const id = this.#ids[i]!;
      const piece = this.#pieces[id >>> pieceBits]!;
      const at = id & (pieceSize - 1);
      yield piece.subarray(at + 1, at + 1 + piece[at]!);
    }
  }

  /** Each name with a character for each byte. */
  *latin1(): Generator<string, void, undefined> {
    for (const bytes of this.bytes())
      yield Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  }

  /** Takes in the name that begins there and ends with NUL. */
  #take(entries: Uint8Array, start: number): void {
    let end = start;
    let seen = 0;
    for (; entries[end] !== 0; end++) seen |= entries[end]!;
    const length = end - start;
    if (entries[start] === dot && (length === 1 || (length === 2 && entries[start + 1] === dot))) return;
    if (seen > 0x7f) this.#isAscii = false;
    if (this.#used + 1 + length > pieceSize) {
      this.#pieces.push(new Uint8Array(pieceSize));
      this.#used = 0;
    }
    const piece = this.#pieces.at(-1)!;
    piece[this.#used] = length;
    for (let i = 0; i < length; i++) piece[this.#used + 1 + i] = entries[start + i]!;
    if (this.#count === this.#ids.length) {
      const ids = new Uint32Array(this.#count * 2);
      ids.set(this.#ids);
      this.#ids = ids;
    }
    this.#ids[this.#count++] = (this.#pieces.length - 1) * pieceSize + this.#used;
    this.#used += 1 + length;
  }

  #compare(a: number, b: number): number {
    const left = this.#pieces[a >>> pieceBits]!;
    const right = this.#pieces[b >>> pieceBits]!;
    const leftAt = a & (pieceSize - 1);
    const rightAt = b & (pieceSize - 1);
    const shorter = Math.min(left[leftAt]!, right[rightAt]!);
    for (let i = 1; i <= shorter; i++) {
      const difference = left[leftAt + i]! - right[rightAt + i]!;
      if (difference !== 0) return difference;
    }
    return left[leftAt]! - right[rightAt]!;
  }
}

const dot = 0x2e;
