import { StrakeError, throwIfAborted } from "../errors/index.ts";
import { paddingOf } from "./block.ts";
import type { Entry } from "./entry.ts";
import type { TarLimits } from "./limits.ts";
import { HeaderParser } from "./parser.ts";

export interface ReadTarOptions {
  readonly limits?: TarLimits;
  readonly signal?: AbortSignal;
}

export interface TarItem {
  readonly entry: Entry;
  /**
   * The file's content, sparse files expanded. To be read once, before the next item is asked for; what is left
   * unread is skipped. Chunks are views of the source's and of a shared block of zeros: do not write to them.
   */
  readonly body: AsyncIterable<Uint8Array>;
}

/**
 * Reads an archive entry by entry with bounded memory. The source is read to its end, also behind the end-of-archive
 * mark, so that a hash of it is complete. Throws StrakeErrors TAR_*.
 */
export async function* readTar(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: ReadTarOptions = {},
): AsyncGenerator<TarItem, void, undefined> {
  const input = new Input(source, options.signal);
  const parser = new HeaderParser(options.limits);
  try {
    for (;;) {
      if (input.isEmpty && !(await input.pull())) {
        parser.end();
        return;
      }
      input.at = parser.consume(input.chunk, input.at);
      const entry = parser.take();
      if (!entry) continue;
      const body = new Body(input, entry);
      yield { entry, body: body.read() };
      await body.skip();
    }
  } finally {
    await input.close();
  }
}

const emptyChunk = Buffer.alloc(0);
const zeros = new Uint8Array(64 * 1024);

/** The source's current chunk and how far it is used. */
class Input {
  readonly #iterator: AsyncIterator<Uint8Array> | Iterator<Uint8Array>;
  readonly #signal: AbortSignal | undefined;
  #done = false;
  chunk: Buffer = emptyChunk;
  at = 0;

  constructor(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, signal: AbortSignal | undefined) {
    this.#iterator =
      Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
    this.#signal = signal;
  }

  get isEmpty(): boolean {
    return this.at >= this.chunk.length;
  }

  async pull(): Promise<boolean> {
    throwIfAborted(this.#signal);
    const next = await this.#iterator.next();
    this.at = 0;
    if (next.done) {
      this.#done = true;
      this.chunk = emptyChunk;
      return false;
    }
    const { buffer, byteOffset, byteLength } = next.value;
    this.chunk = Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
    return true;
  }

  async close(): Promise<void> {
    if (!this.#done) await this.#iterator.return?.();
  }
}

/** The stored bytes of one entry. */
class Body {
  readonly #input: Input;
  readonly #entry: Entry;
  #left: number;
  #closed = false;

  constructor(input: Input, entry: Entry) {
    this.#input = input;
    this.#entry = entry;
    this.#left = entry.storedSize;
  }

  async *read(): AsyncGenerator<Uint8Array, void, undefined> {
    if (!this.#entry.sparse) {
      yield* this.#stored(this.#entry.storedSize);
      return;
    }
    let position = 0;
    for (const extent of this.#entry.sparse) {
      yield* hole(extent.offset - position);
      yield* this.#stored(extent.length);
      position = extent.offset + extent.length;
    }
    yield* hole(this.#entry.size - position);
  }

  /** Steps over what was not read, and the padding. */
  async skip(): Promise<void> {
    this.#closed = true;
    let rest = this.#left + paddingOf(this.#entry.storedSize);
    while (rest > 0) {
      if (this.#input.isEmpty && !(await this.#input.pull())) throw this.#truncated();
      const length = Math.min(rest, this.#input.chunk.length - this.#input.at);
      this.#input.at += length;
      rest -= length;
    }
  }

  async *#stored(length: number): AsyncGenerator<Uint8Array, void, undefined> {
    let rest = length;
    while (rest > 0) {
      if (this.#closed)
        throw new StrakeError(
          "INTERNAL",
          "the body of a tar entry was read after the next entry was asked for",
        );
      if (this.#input.isEmpty && !(await this.#input.pull())) throw this.#truncated();
      const { chunk, at } = this.#input;
      const part = chunk.subarray(at, Math.min(chunk.length, at + rest));
      if (part.length === 0) continue;
      this.#input.at += part.length;
      this.#left -= part.length;
      rest -= part.length;
      yield part;
    }
  }

  #truncated(): StrakeError {
    return new StrakeError(
      "TAR_TRUNCATED",
      `tar entry at byte ${this.#entry.headerOffset}: the archive ends in the middle of its content`,
    );
  }
}

function* hole(length: number): Generator<Uint8Array, void, undefined> {
  for (let rest = length; rest > 0; ) {
    const part = Math.min(rest, zeros.length);
    yield part === zeros.length ? zeros : zeros.subarray(0, part);
    rest -= part;
  }
}
