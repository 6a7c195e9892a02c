import { inspect, isDeepStrictEqual } from "node:util";

/** Fails unless two values are the same, member by member. `what` is what a reader of the failure is told was looked at. */
export function same(what: string, actual: unknown, wanted: unknown): void {
  if (!isDeepStrictEqual(actual, wanted)) throw new Error(`${what}: ${show(actual)}, not ${show(wanted)}`);
}

/** Fails unless it is so. */
export function holds(what: string, isSo: boolean): void {
  if (!isSo) throw new Error(what);
}

function show(value: unknown): string {
  if (value instanceof Uint8Array)
    return `${value.length} bytes ${Buffer.from(value).toString("hex", 0, 8)}…`;
  const text = inspect(value, { depth: 6, breakLength: Number.POSITIVE_INFINITY, maxStringLength: 200 });
  return text.length > 600 ? `${text.slice(0, 600)}…` : text;
}
