/** Values that are good for a while; of too many, the oldest are forgotten first. */
export class Expiring<T> {
  readonly #entries = new Map<string, { readonly value: T; readonly since: number; readonly ttl: number }>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: string): T | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    const age = Date.now() - entry.since;
    // Less than nothing when the clock was set back.
    if (age >= 0 && age < entry.ttl) return entry.value;
    this.#entries.delete(key);
    return undefined;
  }

  /** `ttl` is in milliseconds. */
  set(key: string, value: T, ttl: number): void {
    this.#entries.delete(key);
    if (ttl <= 0) return;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size < this.#limit) break;
      this.#entries.delete(oldest);
    }
    this.#entries.set(key, { value, since: Date.now(), ttl });
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }
}
