import { edenGC } from "bun:jsc";

export interface CollectionsOptions {
  /** How much work lies between two collections, in whatever is counted: entries, bytes. */
  readonly every: number;
  /** Each so many-th is of all: what was at hand at every collection of the young has become old. None when not given. */
  readonly fullEvery?: number;
}

/**
 * Collections on the way of long work. What an entry or a chunk leaves behind is young, and the collector would let tens of megabytes of it
 * pile up; a collection of the young takes less than a millisecond, one of all 5.
 */
export class Collections {
  readonly #every: number;
  readonly #fullEvery: number | undefined;
  #since = 0;
  #count = 0;

  constructor({ every, fullEvery }: CollectionsOptions) {
    this.#every = every;
    this.#fullEvery = fullEvery;
  }

  /** For bytes that flow by: chunks that were taken are garbage outside the collector's own memory, of which it lets 40 MB pile up. */
  static ofBytes(): Collections {
    return new Collections({ every: 16 << 20, fullEvery: 16 });
  }

  /** So much work was done. */
  passed(amount: number): void {
    this.#since += amount;
    if (this.#since < this.#every) return;
    this.#since = 0;
    this.#count++;
    if (this.#fullEvery !== undefined && this.#count % this.#fullEvery === 0) Bun.gc(true);
    else edenGC();
  }
}
