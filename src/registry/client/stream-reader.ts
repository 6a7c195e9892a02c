/** Reads a stream from some place in it on. */
export class StreamReader {
  /** Bytes that were read. */
  position = 0;
  isAtEnd = false;
  readonly #chunks: AsyncIterator<Uint8Array>;
  #next: Uint8Array | undefined;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  /** The first bytes from `offset` on, at least so many if there are; undefined where the stream ends before. */
  async piece(offset: number, least: number): Promise<Uint8Array | undefined> {
    const parts: Uint8Array[] = [];
    let size = 0;
    while (size === 0 || size < least) {
      const chunk = await this.#read();
      if (chunk === undefined) break;
      const start = this.position - chunk.byteLength;
      const part = start < offset ? chunk.subarray(offset - start) : chunk;
      if (part.byteLength > 0) parts.push(part);
      size += part.byteLength;
    }
    if (size === 0) return undefined;
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  /** The last piece comes once more. */
  unread(piece: Uint8Array): void {
    this.#next = piece;
    this.position -= piece.byteLength;
  }

  /** All that was not read. */
  async *rest(): AsyncGenerator<Uint8Array, void, undefined> {
    for (let chunk = await this.#read(); chunk !== undefined; chunk = await this.#read()) yield chunk;
  }

  /** Nobody reads on. A source that is just making something hears of it when that is done. */
  close(): void {
    if (!this.isAtEnd) this.#chunks.return?.()?.catch(() => {});
  }

  async #read(): Promise<Uint8Array | undefined> {
    const chunk = this.#next ?? (await this.#fetch());
    this.#next = undefined;
    this.position += chunk?.byteLength ?? 0;
    return chunk;
  }

  async #fetch(): Promise<Uint8Array | undefined> {
    const { value, done } = await this.#chunks.next();
    if (!done) return value;
    this.isAtEnd = true;
    return undefined;
  }
}
