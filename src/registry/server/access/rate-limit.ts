/** Clients remembered at once; the one that was quiet longest is forgotten first. */
const clientLimit = 50_000;

/** So many uses per so many seconds for each client, refilled steadily (a token bucket). */
export class RateLimit {
  readonly #capacity: number;
  /** Uses that come back per millisecond. */
  readonly #rate: number;
  readonly #clients = new Map<string, { left: number; at: number }>();

  constructor(uses: number, seconds: number) {
    this.#capacity = uses;
    this.#rate = uses / (seconds * 1000);
  }

  /** Seconds to wait, 0 when a use is free. Takes nothing. */
  wait(client: string): number {
    const left = this.#left(client, Date.now());
    return left >= 1 ? 0 : Math.ceil((1 - left) / this.#rate / 1000);
  }

  take(client: string): void {
    this.#change(client, -1);
  }

  /** Gives back what was taken. */
  give(client: string): void {
    this.#change(client, 1);
  }

  #change(client: string, by: number): void {
    const at = Date.now();
    const left = Math.min(this.#left(client, at) + by, this.#capacity);
    this.#clients.delete(client);
    for (const quiet of this.#clients.keys()) {
      if (this.#clients.size < clientLimit) break;
      this.#clients.delete(quiet);
    }
    this.#clients.set(client, { left, at });
  }

  #left(client: string, now: number): number {
    const known = this.#clients.get(client);
    if (!known) return this.#capacity;
    // The clock was set back: nobody waits until it has caught up.
    if (known.at > now) known.at = now;
    return Math.min(this.#capacity, known.left + (now - known.at) * this.#rate);
  }
}

/** What counts as one client: an IPv6 network is one, for each of its machines has addresses without number. */
export function clientOf(address: string): string {
  if (!address.includes(":")) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped) return mapped[1]!;
  const [head = "", tail] = address.split("::");
  const first = head === "" ? [] : head.split(":");
  const last = tail ? tail.split(":") : [];
  const zeros =
    tail === undefined ? [] : Array<string>(Math.max(8 - first.length - last.length, 0)).fill("0");
  return `${[...first, ...zeros, ...last].slice(0, 4).join(":")}::/64`;
}
