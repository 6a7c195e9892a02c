/** Memory that is shared: whoever wants more than is left waits, in the order of asking. */
export class ByteBudget {
  #free: number;
  readonly #limit: number;
  readonly #waiting: { readonly bytes: number; readonly go: () => void }[] = [];

  /** `limit`: bytes. */
  constructor(limit: number) {
    this.#limit = limit;
    this.#free = limit;
  }

  /** Takes so many bytes if they are there and nobody waits for some; says whether it did. */
  tryTake(bytes: number): boolean {
    if (this.#waiting.length > 0 || bytes > this.#free) return false;
    this.#free -= bytes;
    return true;
  }

  /** Does work with so many bytes, when they are there; more than there ever are counts as all of them. */
  async with<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    const taken = Math.min(bytes, this.#limit);
    if (!this.tryTake(taken))
      await new Promise<void>((go) => {
        this.#waiting.push({ bytes: taken, go });
      });
    try {
      return await work();
    } finally {
      this.give(taken);
    }
  }

  /** Gives back what was taken. */
  give(bytes: number): void {
    this.#free += bytes;
    // In order: who wants much would wait for ever if others were let past.
    while (this.#waiting.length > 0 && this.#waiting[0]!.bytes <= this.#free) {
      const { bytes: wanted, go } = this.#waiting.shift()!;
      this.#free -= wanted;
      go();
    }
  }
}
