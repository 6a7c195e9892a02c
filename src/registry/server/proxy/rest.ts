/** Milliseconds for which an upstream that failed is not asked about what is held, and one that is silent nothing. */
const length = 15_000;

/** A while in which something is let alone. */
export class Rest {
  #since = Number.NEGATIVE_INFINITY;

  begin(): void {
    this.#since = Date.now();
  }

  get isOn(): boolean {
    const past = Date.now() - this.#since;
    // Less than nothing when the clock was set back: then it is over.
    return past >= 0 && past < length;
  }
}
