/** Milliseconds for which an upstream that failed is not asked about what is held, and one that is silent nothing. */
const standardLength = 15_000;

/** A while in which something is let alone. */
export class Rest {
  #since = Number.NEGATIVE_INFINITY;
  #length = 0;

  begin(milliseconds = standardLength): void {
    this.#since = Date.now();
    this.#length = milliseconds;
  }

  get isOn(): boolean {
    const { past } = this;
    // Less than nothing when the clock was set back: then it is over.
    return past >= 0 && past < this.#length;
  }

  /** Milliseconds since it began. */
  get past(): number {
    return Date.now() - this.#since;
  }
}
