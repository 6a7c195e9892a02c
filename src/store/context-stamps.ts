import {
  closeSync,
  fstatSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { heapMemory, type TableMemory } from "../erofs/index.ts";
import { type Digest, digestHex, sha256 } from "../oci/index.ts";
import { writeError } from "./disk.ts";
import type { Layout } from "./layout.ts";
import { RowIndex } from "./row-index.ts";
import {
  decodeStamps,
  type FileStamp,
  pathNumber,
  rowSize,
  StampEncoder,
  StampRows,
} from "./stamp-format.ts";
import { temporaryName } from "./temporary.ts";

/** Rows of news allocated at once. */
const freshRows = 2048;
/** Bytes read or written between two releases of memory. */
const strip = 1 << 20;

/**
 * Digests of the files of one build context, each valid while the file's stamp is the same. One file on disk for
 * each context, whose rows lie in the order of the last scans: the next scan mostly asks for the row behind the one before.
 */
export class ContextStamps {
  readonly #layout: Layout;
  readonly #memory: TableMemory;
  readonly #path: string;
  readonly #rows: StampRows;
  /** For each row: 1 when this scan asked for it and found it, 2 when another one takes its place. */
  readonly #fate: Uint8Array;
  #seen = 0;
  #next = 0;
  /** Where the row that was asked for last should have been: where it goes if it is a fresh one. */
  #expected = 0;
  /** Made when files are not asked for in the order of the rows. */
  #index: RowIndex | undefined;
  #fresh: StampRows[] = [];
  /** For each fresh row: before which of the rows it belongs, so that the next scan finds it where it asks for it. */
  readonly #places: Uint32Array[] = [];
  readonly #freshIndex: RowIndex;

  /** `memory`: 72 bytes for each file of the context, until the last call. */
  constructor(layout: Layout, root: string, memory: TableMemory = heapMemory) {
    this.#layout = layout;
    this.#memory = memory;
    this.#path = join(layout.contexts, digestHex(sha256(root)));
    this.#rows = load(this.#path, memory);
    this.#fate = new Uint8Array(this.#rows.count);
    this.#freshIndex = new RowIndex((row) => this.#freshPath(row), memory);
  }

  /** Number of files known from earlier scans. */
  get size(): number {
    return this.#rows.count;
  }

  /** The digest of the file's content, if it was hashed with this very stamp. */
  get(path: string, stamp: FileStamp): Digest | undefined {
    const number = pathNumber(path);
    const fresh = this.#fresh.length > 0 ? this.#freshIndex.find(number) : -1;
    if (fresh >= 0) return digestAt(this.#fresh[Math.floor(fresh / freshRows)]!, fresh % freshRows, stamp);
    const row = this.#find(number);
    const digest = row < 0 ? undefined : digestAt(this.#rows, row, stamp);
    if (digest) this.#see(row, seen);
    return digest;
  }

  /**
   * Notes a sha256 digest; the first one for a path counts. `stamp` must have been taken before the content was read, and `readAt` (milliseconds since
   * the epoch) is when it was: a file changed so shortly before that a later change could bear the same stamp is not kept.
   */
  set(path: string, stamp: FileStamp, digest: Digest, readAt: number): void {
    if (isRacy(stamp, readAt) || !digest.startsWith("sha256:")) return;
    const number = pathNumber(path);
    if (this.#freshIndex.find(number) >= 0) return;
    const row = this.#find(number);
    if (row >= 0) this.#see(row, replaced);
    else this.#seen++;
    let rows = this.#fresh.at(-1);
    if (!rows || rows.isFull) {
      rows = new StampRows(Buffer.from(this.#memory.allocate(freshRows * rowSize)), 0);
      this.#fresh.push(rows);
      this.#places.push(new Uint32Array(this.#memory.allocate(freshRows * 4)));
    }
    this.#places.at(-1)![rows.count] = this.#expected;
    rows.add(number, stamp, digestHex(digest));
    this.#freshIndex.add();
  }

  /**
   * Writes what was set since the last save. Does nothing when nothing was set. Files not met in this
   * scan are kept until they outnumber those that were. Losing this file costs time, never correctness: it is not synced.
   * Errors: STORE_FULL.
   */
  save(): void {
    if (this.#fresh.length === 0) {
      this.#touch();
      return;
    }
    const temporary = join(this.#layout.contexts, temporaryName());
    try {
      this.#write(temporary);
      renameSync(temporary, this.#path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw writeError(error);
    }
  }

  #write(path: string): void {
    let size = 0;
    for (const piece of this.#pieces()) size += piece.length;
    const encoder = new StampEncoder(size / rowSize);
    const fd = openSync(path, "wx", 0o600);
    try {
      let at = StampEncoder.headerSize;
      for (const piece of this.#pieces())
        for (let from = 0; from < piece.length; from += strip) {
          const part = piece.subarray(from, from + strip);
          encoder.update(part);
          writeAll(fd, part, at);
          at += part.length;
          this.#memory.release();
        }
      writeAll(fd, encoder.header(), 0);
    } finally {
      closeSync(fd);
    }
  }

  /** Rows that stay and fresh ones in their places, in runs. */
  *#pieces(): Generator<Buffer, void, undefined> {
    let row = 0;
    for (const [piece, rows] of this.#fresh.entries()) {
      const places = this.#places[piece]!;
      let start = 0;
      for (let i = 0; i < rows.count; i++) {
        const place = places[i]!;
        // Files that were asked for in another order come as they came.
        if (place <= row) continue;
        if (start < i) yield rows.bytes.subarray(start * rowSize, i * rowSize);
        start = i;
        yield* this.#keptPieces(row, place);
        row = place;
      }
      if (start < rows.count) yield rows.bytes.subarray(start * rowSize, rows.count * rowSize);
    }
    yield* this.#keptPieces(row, this.#rows.count);
  }

  /** Runs of rows that stay, from one row to before another. */
  *#keptPieces(from: number, to: number): Generator<Buffer, void, undefined> {
    const { count, bytes } = this.#rows;
    const keepUnseen = count < 2 * this.#seen + 1000;
    let start = from;
    for (let row = from; row <= to; row++) {
      const fate = this.#fate[row];
      if (row < to && (fate === seen || (fate === unseen && keepUnseen))) continue;
      if (start < row) yield bytes.subarray(start * rowSize, row * rowSize);
      start = row + 1;
    }
  }

  #see(row: number, fate: number): void {
    if (this.#fate[row] === unseen) this.#seen++;
    this.#fate[row] = fate;
  }

  /** The row of a path, or -1. */
  #find(number: number): number {
    const rows = this.#rows;
    if (this.#next < rows.count && rows.path(this.#next) === number) {
      this.#expected = this.#next;
      return this.#next++;
    }
    // A file that was asked for and then hashed, as its stamp is another one.
    if (this.#next > 0 && rows.path(this.#next - 1) === number) return this.#next - 1;
    if (rows.count === 0) return -1;
    // Behind one that was found elsewhere the others go on as before.
    if (this.#expected < rows.count && rows.path(this.#expected) === number) {
      this.#next = this.#expected + 1;
      return this.#expected;
    }
    this.#expected = this.#next;
    this.#index ??= this.#indexRows();
    const row = this.#index.find(number);
    if (row >= 0) this.#next = row + 1;
    return row;
  }

  #indexRows(): RowIndex {
    const index = new RowIndex((row) => this.#rows.path(row), this.#memory);
    for (let row = 0; row < this.#rows.count; row++) {
      if (row % freshRows === 0) this.#memory.release();
      index.add();
    }
    return index;
  }

  #freshPath(row: number): number {
    return this.#fresh[Math.floor(row / freshRows)]!.path(row % freshRows);
  }

  /** Collection goes by the file's age; a day is fine enough. */
  #touch(): void {
    try {
      if (Date.now() - statSync(this.#path).mtimeMs > 24 * 3600 * 1000) {
        const now = new Date();
        utimesSync(this.#path, now, now);
      }
    } catch {
      // Not there: nothing was ever saved.
    }
  }
}

const unseen = 0;
const seen = 1;
const replaced = 2;

function digestAt(rows: StampRows, row: number, stamp: FileStamp): Digest | undefined {
  return rows.hasStamp(row, stamp) ? (`sha256:${rows.hex(row)}` as Digest) : undefined;
}

function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, position + at);
}

/** The kernel's clock for time stamps moves in steps of up to 10 ms, some file systems' in steps of 1 or 2 s. */
function isRacy(stamp: FileStamp, readAt: number): boolean {
  const grain = Number.isInteger(stamp.mtimeMs / 1000) && Number.isInteger(stamp.ctimeMs / 1000) ? 2000 : 20;
  return Math.max(stamp.mtimeMs, stamp.ctimeMs) > readAt - grain;
}

function load(path: string, memory: TableMemory): StampRows {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch {
    // The first scan of this context.
    return decodeStamps(undefined);
  }
  try {
    const bytes = Buffer.from(memory.allocate(fstatSync(fd).size));
    for (let at = 0; at < bytes.length; ) {
      const count = readSync(fd, bytes, at, Math.min(strip, bytes.length - at), at);
      if (count === 0) return decodeStamps(undefined);
      at += count;
      memory.release();
    }
    return decodeStamps(bytes, memory);
  } catch {
    return decodeStamps(undefined);
  } finally {
    closeSync(fd);
  }
}
