/**
 * Tells when the other side is silent for too long. Between `rest` and the next `wait` no time counts: a consumer that
 * is slower than the network is no stall.
 */
export class StallWatch {
  readonly #onStall: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ms = 0;
  #isWaiting = false;
  #since = 0;

  constructor(onStall: () => void) {
    this.#onStall = onStall;
  }

  get seconds(): number {
    return Math.round(this.#ms / 100) / 10;
  }

  /** From now on something must happen within `ms`. */
  wait(ms: number): void {
    this.#isWaiting = true;
    this.#since = performance.now();
    // One timer for thousands of chunks: it looks at the clock when it fires.
    if (this.#timer !== undefined && this.#ms === ms) return;
    clearTimeout(this.#timer);
    this.#ms = ms;
    this.#arm(ms);
  }

  rest(): void {
    this.#isWaiting = false;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isWaiting = false;
  }

  #arm(ms: number): void {
    this.#timer = setTimeout(() => {
      const idle = this.#isWaiting ? performance.now() - this.#since : 0;
      if (idle >= this.#ms - 1) this.#onStall();
      else this.#arm(this.#isWaiting ? this.#ms - idle : this.#ms);
    }, ms);
  }
}
