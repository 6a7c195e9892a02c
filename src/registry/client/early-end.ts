import { StrakeError } from "../../errors/index.ts";
import type { Session } from "./upload-session.ts";

/** Milliseconds in which what was sent of a request has to arrive and be answered after its early end. */
const graceMs = 2000;

/**
 * Whether the registry gives up an upload of which a request breaks off: distribution signs how far it is into each Location, and a session that has
 * more bytes than its Location says is canceled. A request of no given length may end anywhere, and then has a Location of its own.
 */
export function needsItsEnd({ location }: Session): boolean {
  return location.searchParams.has("_state");
}

/** Lets a user who wants to stop end the body of a request instead of cutting it. */
export class EarlyEnd {
  /** For the request: as the signal that was given, but late enough for an answer where the user stops in the middle of the body. */
  readonly signal: AbortSignal;
  readonly #stop = new AbortController();
  readonly #given: AbortSignal | undefined;
  readonly #onAbort = () => this.#end();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isEnded = false;
  #hasBegun = false;

  constructor(signal: AbortSignal | undefined) {
    this.signal = this.#stop.signal;
    this.#given = signal;
    if (signal?.aborted) this.#stop.abort(signal.reason);
    else signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** The source, up to where the user stops. It may fail then, as what makes it is stopped too. */
  async *until(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of source) {
        if (this.#isEnded) return;
        this.#hasBegun = true;
        yield chunk;
        if (this.#isEnded) return;
      }
    } catch (error) {
      if (!this.#isEnded) throw error;
    }
  }

  #end(): void {
    const reason: unknown = this.#given?.reason;
    const isUser = !(reason instanceof StrakeError) || reason.code === "CANCELED";
    this.#isEnded = isUser && this.#hasBegun;
    if (this.#isEnded) this.#timer = setTimeout(() => this.#stop.abort(reason), graceMs);
    else this.#stop.abort(reason);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#given?.removeEventListener("abort", this.#onAbort);
  }
}
