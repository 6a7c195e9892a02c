import { addressOf } from "./libc.ts";

/** Bytes of one write past the page cache: smaller ones cost more time each, larger ones only memory. */
export const pieceSize = 512 << 10;

/** Where such a write may begin, in the file and in memory: no disk has larger blocks. */
export const blockSize = 4096;

/** Memory for one write, aligned as O_DIRECT wants it. */
export function allocatePiece(): Buffer {
  // Bun gives large buffers whole pages, but promises nothing.
  const bytes = Buffer.allocUnsafeSlow(pieceSize + blockSize);
  const past = process.platform === "linux" ? addressOf(bytes) % blockSize : 0;
  return bytes.subarray(past === 0 ? 0 : blockSize - past).subarray(0, pieceSize);
}

/** Pieces that are kept for the next one who needs one. */
const keptPieces = 8;

/** The memory that all files being written share: so many pieces and no more, however many files there are. */
export class Pieces {
  readonly #limit: number;
  readonly #free: Buffer[] = [];
  #taken = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Undefined when all are in use. */
  take(): Buffer | undefined {
    if (this.#taken >= this.#limit) return undefined;
    this.#taken++;
    return this.#free.pop() ?? allocatePiece();
  }

  give(piece: Buffer): void {
    this.#taken--;
    if (this.#free.length < keptPieces) this.#free.push(piece);
  }
}
