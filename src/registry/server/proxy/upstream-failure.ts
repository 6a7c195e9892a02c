import { StrakeError } from "../../../errors/index.ts";
import { toldToWait } from "../../client/index.ts";
import { Refusal, type RefusalCode } from "../protocol/refusal.ts";

/** Milliseconds after which a client is told to come again where the upstream did not say. */
const standardWait = 60_000;

/**
 * What an error of the upstream means: it has no such thing (`gone`), it does not let us have it (`forbidden`), or it cannot
 * be asked now (`away`). Undefined: the failure is our own.
 */
export function upstreamFailure(error: unknown): "gone" | "forbidden" | "away" | undefined {
  if (!(error instanceof StrakeError)) return undefined;
  switch (error.code) {
    case "REGISTRY_NOT_FOUND":
      return "gone";
    case "REGISTRY_UNAUTHORIZED":
    case "REGISTRY_DENIED":
    case "REGISTRY_BLOCKED":
      return "forbidden";
    case "REGISTRY_STORAGE":
    case "REGISTRY_FULL":
    case "OBJECT_CHANGED":
    case "OBJECT_KEY_INVALID":
    case "INTERNAL":
    case "CANCELED":
      return undefined;
    default:
      return "away";
  }
}

/**
 * The answer to a client when the upstream could not help. What the upstream said goes to the log: it may name hosts and
 * accounts that are no business of the client's. Errors that are our own are thrown as they are.
 */
export function upstreamRefusal(error: unknown, unknown: RefusalCode): Refusal {
  const meaning = upstreamFailure(error);
  if (!meaning) throw error;
  const log = (error as StrakeError).message;
  if (meaning === "gone") return new Refusal(unknown, "the upstream has no such thing", { status: 404, log });
  // Not 401 or 403: a client would try its own credentials, or never another mirror.
  if (meaning === "forbidden")
    return new Refusal(unknown, "the upstream has no such thing, or does not let this cache read it", {
      status: 404,
      log,
    });
  if ((error as StrakeError).code === "REGISTRY_RATE_LIMITED") {
    const wait = Math.ceil((toldToWait(error as StrakeError) ?? standardWait) / 1000);
    return new Refusal("TOOMANYREQUESTS", "the upstream allows no more requests for now", {
      headers: { "Retry-After": String(Math.max(1, wait)) },
      log,
    });
  }
  return new Refusal("UNAVAILABLE", "the upstream cannot be used now, and this is not in the cache", {
    status: 502,
    log,
  });
}
