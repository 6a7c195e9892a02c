import { wait } from "../wait.ts";

/** Timers hold milliseconds in 31 bits: a longer one would go off at once, and a monthly scrub never rest. */
const longestTimer = 2 ** 31 - 1;

/** Does a piece of work again and again, with a pause after each time, until it is stopped. */
export class Schedule {
  readonly #stopped = new AbortController();
  readonly #done: Promise<void>;

  /** `every`: milliseconds between an end and the next beginning. `work` must not reject. */
  constructor(every: number, work: (signal: AbortSignal) => Promise<void>) {
    this.#done = this.#run(every, work);
  }

  /** Resolves when the work that was going on has ended. */
  stop(): Promise<void> {
    this.#stopped.abort();
    return this.#done;
  }

  async #run(every: number, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      for (let left = every; left >= 0 && !signal.aborted; left -= longestTimer)
        await wait(Math.min(left, longestTimer), signal, { background: true });
      if (!signal.aborted) await work(signal);
    }
  }
}
