import { heapMemory, type TableMemory } from "../../erofs/index.ts";
import type { FileFacts } from "../../sys/index.ts";

/** Rows in one piece; pieces are never copied to grow. */
const pieceRows = 2048;
/** Doubles a row: mode, size, mtimeMs, ctimeMs, ino. */
const width = 5;

/**
 * What lstat said about the files of a context, in rows: 40 bytes a file, where a `Stats` object takes more than 200. A
 * context of 200,000 files is scanned in 8 MB.
 */
export class ScanRows {
  readonly memory: TableMemory;
  readonly #pieces: Float64Array[] = [];
  /** Device numbers, which hardly any file has. */
  readonly #rdev = new Map<number, number>();
  /** The file system that most files are on: the first one's. Then those of others. */
  #dev = 0;
  readonly #otherDev = new Map<number, number>();
  #count = 0;
  #bytes = 0;

  constructor(memory: TableMemory = heapMemory) {
    this.memory = memory;
  }

  get count(): number {
    return this.#count;
  }

  add(stats: FileFacts): number {
    const row = this.#count++;
    this.#bytes += stats.size;
    const at = (row % pieceRows) * width;
    if (at === 0) {
      this.memory.release();
      this.#pieces.push(new Float64Array(this.memory.allocate(pieceRows * width * 8)));
    }
    const piece = this.#pieces.at(-1)!;
    piece[at] = stats.mode;
    piece[at + 1] = stats.size;
    piece[at + 2] = stats.mtimeMs;
    piece[at + 3] = stats.ctimeMs;
    piece[at + 4] = stats.ino;
    if (row === 0) this.#dev = stats.dev;
    else if (stats.dev !== this.#dev) this.#otherDev.set(row, stats.dev);
    if (stats.rdev !== 0) this.#rdev.set(row, stats.rdev);
    return row;
  }

  /** Sum of all sizes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** File type and permissions. */
  mode(row: number): number {
    return this.#at(row, 0);
  }

  size(row: number): number {
    return this.#at(row, 1);
  }

  mtimeMs(row: number): number {
    return this.#at(row, 2);
  }

  ctimeMs(row: number): number {
    return this.#at(row, 3);
  }

  ino(row: number): number {
    return this.#at(row, 4);
  }

  rdev(row: number): number {
    return this.#rdev.get(row) ?? 0;
  }

  isSame(row: number, now: FileFacts): boolean {
    return (
      this.ino(row) === now.ino &&
      this.size(row) === now.size &&
      this.mtimeMs(row) === now.mtimeMs &&
      this.ctimeMs(row) === now.ctimeMs &&
      (this.#otherDev.get(row) ?? this.#dev) === now.dev
    );
  }

  /** The bytes of so many rows, in at most as many pieces as they lie in. All that a file is but what file system it is on, whose number is another one after each mount. */
  *rowBytes(first: number, count: number): Generator<Uint8Array, void, undefined> {
    for (let row = first; row < first + count; ) {
      const at = row % pieceRows;
      const rows = Math.min(pieceRows - at, first + count - row);
      const { buffer, byteOffset } = this.#pieces[Math.floor(row / pieceRows)]!;
      yield new Uint8Array(buffer, byteOffset + at * width * 8, rows * width * 8);
      row += rows;
    }
  }

  #at(row: number, column: number): number {
    return this.#pieces[Math.floor(row / pieceRows)]![(row % pieceRows) * width + column]!;
  }
}
