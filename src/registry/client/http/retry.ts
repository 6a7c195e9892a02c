import { setTimeout as sleep } from "node:timers/promises";
import { StrakeError, throwIfAborted } from "../../../errors/index.ts";
import type { HttpResponse, Link } from "./message.ts";

export interface RetryOptions {
  /** How often in all. Default: 5. */
  readonly attempts?: number;
  /** How often in all what is only met with silence. Default: `attempts`. */
  readonly silentAttempts?: number;
  /** Milliseconds before the second attempt; doubled for each further one. Default: 250. */
  readonly baseMs?: number;
  /** Longest wait of our own choosing, in milliseconds. Default: 10 s. */
  readonly capMs?: number;
  /** Longest Retry-After that is obeyed, in milliseconds; a longer one is reported. Default: 2 min. */
  readonly patienceMs?: number;
}

const passing = new Set([408, 425, 429, 500, 502, 503, 504]);
const lasting = new Set(["REGISTRY_TLS", "CANCELED", "REGISTRY_RESPONSE"]);

/** Sends again what failed in a way that may pass, with growing pauses or when the registry says (Retry-After). */
export function retry(options: RetryOptions = {}): Link {
  const attempts = options.attempts ?? 5;
  return (next) => async (request) => {
    for (let attempt = 1; ; attempt++) {
      const last = attempt >= attempts || request.retry === false;
      let wait: number;
      try {
        const response = await next(request);
        if (!passing.has(response.status) || last) return response;
        const asked = retryAfter(response);
        if (asked !== undefined && asked > (options.patienceMs ?? 120_000)) return response;
        response.discard();
        wait = asked ?? pause(attempt, options);
      } catch (error) {
        const isSilence = error instanceof StrakeError && error.code === "REGISTRY_STALLED";
        const isLast = last || (isSilence && attempt >= (options.silentAttempts ?? attempts));
        if (isLast || !isPassing(error)) throw error;
        wait = pause(attempt, options);
      }
      await rest(wait, request.signal);
    }
  };
}

/** Whether the same request may work later. */
export function isPassing(error: unknown): boolean {
  return (
    error instanceof StrakeError &&
    error.code.startsWith("REGISTRY_") &&
    (error.class === "unavailable" || error.code === "REGISTRY_TRUNCATED") &&
    !lasting.has(error.code) &&
    !isUnknownHost(error)
  );
}

/** A name that does not exist does not begin to within seconds. */
function isUnknownHost(error: StrakeError): boolean {
  return (error.cause as { code?: unknown } | undefined)?.code === "ENOTFOUND";
}

/** Milliseconds before attempt `attempt + 1`: doubled each time, half of it left to chance so that clients spread. */
export function pause(attempt: number, options: RetryOptions): number {
  const full = Math.min(options.capMs ?? 10_000, (options.baseMs ?? 250) * 2 ** (attempt - 1));
  return full * (0.5 + Math.random() / 2);
}

/** Waits; errors: CANCELED. */
export async function rest(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, signal ? { signal } : {});
  } catch (error) {
    throwIfAborted(signal);
    throw error;
  }
}

/** Milliseconds, from seconds or an HTTP date (RFC 9110, 10.2.3). */
export function retryAfter(response: Pick<HttpResponse, "headers">, now = Date.now()): number | undefined {
  const text = response.headers["retry-after"]?.trim();
  if (text === undefined || text === "") return undefined;
  if (/^[0-9]{1,9}$/.test(text)) return Number(text) * 1000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}
