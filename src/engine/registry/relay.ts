import { freeChunk } from "../../sys/index.ts";

/** Chunks that may wait for the reader; of node's sockets they have up to half a MiB. */
const capacity = 3;

/**
 * Hands the chunks of one stream to a second reader while a first one takes them: whoever is slower sets the pace. A reader
 * that gives up does not stop the first one.
 */
export class Relay implements AsyncIterable<Uint8Array> {
  readonly #chunks: Uint8Array[] = [];
  #ended = false;
  #failure: { readonly error: unknown } | undefined;
  #abandoned = false;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;
  /** Chunks that one of two readers is done with; undefined where chunks are not ours to free. */
  readonly #half: Set<Uint8Array> | undefined;

  /** `free`: the source's chunks are nobody else's, and a reader that asks for the next one is done with the last: its memory is given back. */
  constructor({ free = false }: { readonly free?: boolean } = {}) {
    this.#half = free ? new Set() : undefined;
  }

  /** The source as the first reader sees it; what goes by is there for the second. */
  async *through(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for await (const chunk of source) {
        if (!this.#abandoned) {
          this.#chunks.push(chunk);
          this.#wakeReader?.();
        }
        yield chunk;
        this.#taken(chunk);
        while (this.#chunks.length >= capacity && !this.#abandoned)
          await new Promise<void>((resolve) => {
            this.#wakeWriter = resolve;
          });
      }
      this.#ended = true;
    } catch (error) {
      this.#failure = { error };
      throw error;
    } finally {
      // The first reader walked away: for the second the stream has been cut.
      if (!this.#ended) this.#failure ??= { error: new Error("the stream was given up") };
      this.#wakeReader?.();
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (;;) {
        const chunk = this.#chunks.shift();
        if (chunk !== undefined) {
          this.#wakeWriter?.();
          yield chunk;
          this.#taken(chunk);
        } else if (this.#failure) throw this.#failure.error;
        else if (this.#ended) return;
        else
          await new Promise<void>((resolve) => {
            this.#wakeReader = resolve;
          });
      }
    } finally {
      this.abandon();
    }
  }

  /** There is no second reader, or no longer: what it has been given it does not read any more either. */
  abandon(): void {
    this.#abandoned = true;
    this.#half?.clear();
    this.#chunks.length = 0;
    this.#wakeWriter?.();
  }

  #taken(chunk: Uint8Array): void {
    if (!this.#half) return;
    if (this.#abandoned || this.#half.delete(chunk)) freeChunk(chunk);
    else this.#half.add(chunk);
  }
}
