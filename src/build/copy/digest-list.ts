import { heapMemory, type TableMemory } from "../../erofs/index.ts";
import type { Digest } from "../../oci/index.ts";

/** Digests in one piece; pieces are never copied to grow. */
const pieceLength = 2048;

/** sha256 digests by position, 32 bytes each instead of a string of 80. Positions that were never set have none. */
export class DigestList {
  readonly #memory: TableMemory;
  /** Only those in which something was set. */
  readonly #pieces: (Uint8Array | undefined)[] = [];
  readonly #known: (Uint8Array | undefined)[] = [];

  constructor(memory: TableMemory = heapMemory) {
    this.#memory = memory;
  }

  set(index: number, digest: Digest): void {
    const piece = Math.floor(index / pieceLength);
    this.#pieces[piece] ??= new Uint8Array(this.#memory.allocate(pieceLength * 32));
    this.#known[piece] ??= new Uint8Array(pieceLength);
    this.#pieces[piece].set(Uint8Array.fromHex(digest.slice(7)), (index % pieceLength) * 32);
    this.#known[piece][index % pieceLength] = 1;
  }

  /** The digest's 32 bytes, which are the list's. */
  bytes(index: number): Uint8Array | undefined {
    const piece = Math.floor(index / pieceLength);
    const at = index % pieceLength;
    if (this.#known[piece]?.[at] !== 1) return undefined;
    return this.#pieces[piece]!.subarray(at * 32, at * 32 + 32);
  }

  get(index: number): Digest | undefined {
    const bytes = this.bytes(index);
    return bytes && (`sha256:${bytes.toHex()}` as Digest);
  }
}
