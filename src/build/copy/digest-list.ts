import type { Digest } from "../../oci/index.ts";

/** Digests in one piece; pieces are never copied to grow. */
const pieceLength = 2048;

/** sha256 digests by position, 32 bytes each instead of a string of 80. Positions that were never set have none. */
export class DigestList {
  readonly #pieces: Buffer[] = [];
  readonly #known: Uint8Array[] = [];

  set(index: number, digest: Digest): void {
    const piece = Math.floor(index / pieceLength);
    while (this.#pieces.length <= piece) {
      this.#pieces.push(Buffer.allocUnsafeSlow(pieceLength * 32));
      this.#known.push(new Uint8Array(pieceLength));
    }
    this.#pieces[piece]!.write(digest.slice(7), (index % pieceLength) * 32, 32, "hex");
    this.#known[piece]![index % pieceLength] = 1;
  }

  get(index: number): Digest | undefined {
    const piece = Math.floor(index / pieceLength);
    const at = index % pieceLength;
    if (this.#known[piece]?.[at] !== 1) return undefined;
    return `sha256:${this.#pieces[piece]!.toString("hex", at * 32, at * 32 + 32)}` as Digest;
  }
}
