import { heapMemory, type TableMemory } from "../erofs/index.ts";

/**
 * What changes when a file does. A `Stats` of node:fs is one. Times are in milliseconds with fraction: a double keeps
 * a quarter of a microsecond of them, finer than any clock that stamps files.
 */
export interface FileStamp {
  readonly size: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly ino: number;
}

/**
 * Bytes of a row: five doubles (path number, size, mtimeMs, ctimeMs, ino), then the 32 bytes of a sha256 digest. Rows are
 * used as they lie in the file: 200,000 of them are 14 MB, where strings and maps of them took 80.
 */
export const rowSize = 72;
/** Doubles a row. */
const rowDoubles = rowSize / 8;
const digestOffset = 40;

/** Bytes hashed between two releases of memory. */
const strip = 1 << 20;

const magic = "strake stamps 2\n";
const headerSize = 16 + 32 + 8;

/** Rows in memory, in the order of a scan. */
export class StampRows {
  readonly bytes: Buffer;
  readonly #numbers: Float64Array;
  count: number;

  /** `bytes`: whole rows at an address that is a multiple of 8, of which the first `count` are filled. */
  constructor(bytes: Buffer, count: number) {
    this.bytes = bytes;
    this.#numbers = new Float64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 8);
    this.count = count;
  }

  path(row: number): number {
    return this.#numbers[row * rowDoubles]!;
  }

  hasStamp(row: number, stamp: FileStamp): boolean {
    const numbers = this.#numbers;
    const at = row * rowDoubles;
    return (
      numbers[at + 1] === stamp.size &&
      numbers[at + 2] === stamp.mtimeMs &&
      numbers[at + 3] === stamp.ctimeMs &&
      numbers[at + 4] === stamp.ino
    );
  }

  /** 64 hexadecimal digits. */
  hex(row: number): string {
    const at = row * rowSize + digestOffset;
    return this.bytes.toString("hex", at, at + 32);
  }

  add(path: number, { size, mtimeMs, ctimeMs, ino }: FileStamp, hex: string): void {
    const row = this.count++;
    const at = row * rowDoubles;
    const numbers = this.#numbers;
    numbers[at] = path;
    numbers[at + 1] = size;
    numbers[at + 2] = mtimeMs;
    numbers[at + 3] = ctimeMs;
    numbers[at + 4] = ino;
    this.bytes.write(hex, row * rowSize + digestOffset, 32, "hex");
  }

  get isFull(): boolean {
    return this.count * rowSize === this.bytes.byteLength;
  }
}

/**
 * A number for a path. Two paths of one number do no harm: the stamp beside it holds the inode's number, so both would
 * have to be one file.
 */
export function pathNumber(path: string): number {
  return Bun.hash.xxHash32(path) * 2 ** 21 + (Bun.hash.xxHash32(path, 1) >>> 11);
}

/**
 * The rows in these bytes; none when they are missing, damaged or of another version. Layout: magic, sha256 of the rest, row
 * count (u32, little-endian), 4 zeros, rows. The bytes are used in place and must not change; `memory` is theirs.
 */
export function decodeStamps(bytes: Uint8Array | undefined, memory: TableMemory = heapMemory): StampRows {
  const empty = new StampRows(Buffer.alloc(0), 0);
  if (!bytes || bytes.byteLength < headerSize) return empty;
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
  const buffer = Buffer.from(aligned.buffer, aligned.byteOffset, aligned.byteLength);
  if (buffer.toString("latin1", 0, 16) !== magic) return empty;
  // Not synced when written: after a power cut the file may have its length but not its bytes.
  const hash = new Bun.CryptoHasher("sha256");
  for (let at = 48; at < buffer.length; at += strip) {
    hash.update(buffer.subarray(at, at + strip));
    memory.release();
  }
  if (!hash.digest().equals(buffer.subarray(16, 48))) return empty;
  const count = buffer.readUInt32LE(48);
  if (headerSize + count * rowSize !== buffer.byteLength) return empty;
  return new StampRows(buffer.subarray(headerSize), count);
}

/** Makes the bytes that `decodeStamps` takes, piece by piece; only the header needs to be written out of turn. */
export class StampEncoder {
  readonly #hash = new Bun.CryptoHasher("sha256");

  readonly #count = Buffer.alloc(8);
  static readonly headerSize = headerSize;

  /** For this many rows in all. */
  constructor(count: number) {
    this.#count.writeUInt32LE(count, 0);
    this.#hash.update(this.#count);
  }

  /** Takes whole rows, which follow each other in the file as they come. */
  update(rows: Uint8Array): void {
    this.#hash.update(rows);
  }

  /** The first `headerSize` bytes, after all rows. */
  header(): Buffer {
    return Buffer.concat([Buffer.from(magic, "latin1"), this.#hash.digest(), this.#count]);
  }
}
