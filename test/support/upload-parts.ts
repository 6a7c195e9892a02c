import { rangeEnd } from "../../src/registry/client/upload-session.ts";
import type { Exchange } from "./fault-proxy.ts";

/** Whether bytes of a blob are sent in it. */
export const isPart = ({ method, path }: Exchange) =>
  path.includes("/blobs/uploads/") && (method === "PATCH" || method === "PUT");

/** Whether the registry took it, with the next to follow. */
export const isTakenPart = (exchange: Exchange) => isPart(exchange) && exchange.answer?.status === 202;

/** Bytes of all parts, with those that were refused. */
export const sentIn = (exchanges: readonly Exchange[]) =>
  exchanges.filter(isPart).reduce((bytes, { passed }) => bytes + passed, 0);

/**
 * How an upload that was cut off went on, in the registry's own words, as nobody else knows what of the cut connection arrived, and when. While bytes of it
 * still come the registry refuses a part (416) and is asked once more.
 */
export function continued(exchanges: readonly Exchange[]): {
  /** Bytes the registry said it had when it was asked for the first time. */
  readonly found: number;
  /** Bytes it said it had when it was asked for the last time. */
  readonly had: number;
  /** Bytes that were sent after that. */
  readonly sent: number;
} {
  const said = exchanges.map(({ method, path, answer }) =>
    method === "GET" && path.includes("/blobs/uploads/") ? rangeEnd(answer?.headers.range) : undefined,
  );
  const last = said.findLastIndex((bytes) => bytes !== undefined);
  return {
    found: said.find((bytes) => bytes !== undefined) ?? 0,
    had: said[last] ?? 0,
    sent: sentIn(exchanges.slice(last + 1)),
  };
}
