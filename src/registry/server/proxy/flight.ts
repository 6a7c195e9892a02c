/** Identical work that is asked for while it is done is done once. A key always stands for the same kind of work. */
export class Flights {
  readonly #flying = new Map<string, Promise<unknown>>();

  /** True while work for the key is being done. */
  has(key: string): boolean {
    return this.#flying.has(key);
  }

  do<T>(key: string, work: () => Promise<T>): Promise<T> {
    const flying = this.#flying.get(key);
    if (flying) return flying as Promise<T>;
    const started = work().finally(() => this.#flying.delete(key));
    this.#flying.set(key, started);
    return started;
  }
}
