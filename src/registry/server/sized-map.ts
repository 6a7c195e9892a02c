/**
 * A map whose values have sizes that in sum stay below a limit: the oldest goes first, and what is asked for often is put in again at once. Nothing
 * larger than a quarter of the limit is taken.
 */
export class SizedMap<T> {
  readonly #limit: number;
  readonly #entries = new Map<string, { readonly value: T; readonly size: number }>();
  #size = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: string): T | undefined {
    return this.#entries.get(key)?.value;
  }

  set(key: string, value: T, size: number): void {
    if (size > this.#limit / 4) return;
    this.delete(key);
    for (const oldest of this.#entries.keys()) {
      if (this.#size + size <= this.#limit) break;
      this.delete(oldest);
    }
    this.#entries.set(key, { value, size });
    this.#size += size;
  }

  delete(key: string): void {
    this.#size -= this.#entries.get(key)?.size ?? 0;
    this.#entries.delete(key);
  }
}
