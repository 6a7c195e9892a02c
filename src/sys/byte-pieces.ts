import { heapMemory, type TableMemory } from "../erofs/index.ts";

/** Bytes taken from memory at once. */
const pieceSize = 256 << 10;

/** Room for many short runs of bytes, out of pieces that are never copied to grow. */
export class BytePieces {
  readonly #memory: TableMemory;
  #piece = Buffer.alloc(0);
  #used = 0;

  constructor(memory: TableMemory = heapMemory) {
    this.#memory = memory;
  }

  /** The next `length` bytes, all zero. */
  take(length: number): Buffer {
    if (this.#used + length > this.#piece.length) {
      this.#piece = Buffer.from(this.#memory.allocate(Math.max(pieceSize, length)));
      this.#used = 0;
    }
    const at = this.#used;
    this.#used += length;
    return this.#piece.subarray(at, at + length);
  }
}
