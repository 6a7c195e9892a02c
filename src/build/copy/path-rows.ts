import { heapMemory, type TableMemory } from "../../erofs/index.ts";
import { RowIndex } from "../../store/index.ts";

/** Rows in one piece; pieces are never copied to grow. */
const pieceRows = 2048;
/** Doubles a row: two of the path's hash, then the caller's own. */
const hashes = 2;

const digest = new Uint8Array(32);
const digestView = new DataView(digest.buffer);

/**
 * Numbers by path, in some 50 bytes a path however long it is. A path is known by 106 bits of its SHA-256: nobody makes a context in which
 * one path passes for another.
 */
export class PathRows {
  readonly #memory: TableMemory;
  readonly #width: number;
  readonly #pieces: Float64Array[] = [];
  readonly #index: RowIndex;
  #count = 0;
  #high = 0;
  #low = 0;

  /** `values`: numbers kept of each path. */
  constructor(values: number, memory: TableMemory = heapMemory) {
    this.#memory = memory;
    this.#width = hashes + values;
    this.#index = new RowIndex((row) => this.#cell(row, 0), memory);
  }

  get count(): number {
    return this.#count;
  }

  /** The row of a path, or -1. */
  find(path: string): number {
    this.#hash(path);
    const row = this.#index.find(this.#high);
    return row >= 0 && this.#cell(row, 1) === this.#low ? row : -1;
  }

  /** A row for the path that `find` was last asked for and did not find, its numbers 0. */
  add(): number {
    const row = this.#count++;
    if (row % pieceRows === 0) {
      this.#memory.release();
      this.#pieces.push(new Float64Array(this.#memory.allocate(pieceRows * this.#width * 8)));
    }
    const piece = this.#pieces.at(-1)!;
    const at = (row % pieceRows) * this.#width;
    piece[at] = this.#high;
    piece[at + 1] = this.#low;
    this.#index.add();
    return row;
  }

  get(row: number, value: number): number {
    return this.#cell(row, hashes + value);
  }

  set(row: number, value: number, to: number): void {
    this.#pieces[Math.floor(row / pieceRows)]![(row % pieceRows) * this.#width + hashes + value] = to;
  }

  #hash(path: string): void {
    // Names that are no valid UTF-8 hold lone surrogates, which would all become one replacement character.
    Bun.CryptoHasher.hash("sha256", path.isWellFormed() ? path : Buffer.from(path, "utf16le"), digest);
    this.#high = digestView.getUint32(0) * 2 ** 21 + (digestView.getUint32(4) >>> 11);
    this.#low = digestView.getUint32(8) * 2 ** 21 + (digestView.getUint32(12) >>> 11);
  }

  #cell(row: number, column: number): number {
    return this.#pieces[Math.floor(row / pieceRows)]![(row % pieceRows) * this.#width + column]!;
  }
}
