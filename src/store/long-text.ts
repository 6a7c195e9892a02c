import type { TableMemory } from "../erofs/index.ts";
import { BytePieces } from "../sys/index.ts";

/**
 * A text that is too long to be held as one, in compressed pieces: the file list of a copy of 200,000 files is 4 MB so, and
 * five times as much in each form that it would go through. The pieces are JSON already, less the quotes around all of it.
 */
export class LongText {
  readonly #pieces: Uint8Array[] = [];
  readonly #bytes: BytePieces;

  /** `memory`: 20 bytes a file, to be open as long as the text is used. */
  constructor(memory?: TableMemory) {
    this.#bytes = new BytePieces(memory);
  }

  append(text: string): void {
    const frame = compressed(JSON.stringify(text).slice(1, -1));
    const kept = this.#bytes.take(frame.length);
    kept.set(frame);
    this.#pieces.push(kept);
  }

  /** Zstandard frames whose contents, one behind the other, are this text as JSON without its quotes. */
  get frames(): readonly Uint8Array[] {
    return this.#pieces;
  }
}

/** One Zstandard frame. Level 1 halves such texts in less time than writing them takes. */
export function compressed(text: string): Uint8Array {
  return Bun.zstdCompressSync(Buffer.from(text), { level: 1 });
}
