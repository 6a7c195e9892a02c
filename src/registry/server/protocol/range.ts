import type { ByteRange } from "../storage/object-store.ts";

/**
 * The one range a Range header asks for of content with `size` bytes (RFC 9110 section 14); undefined when everything
 * is to be sent: no header, another unit, or several ranges, which may be ignored. "unsatisfiable" is for 416.
 */
export function parseRange(header: string | null, size: number): ByteRange | undefined | "unsatisfiable" {
  const match = /^bytes=\s*(\d{0,15})-(\d{0,15})\s*$/i.exec(header ?? "");
  if (!match) return undefined;
  const [, first, last] = match as unknown as [string, string, string];
  if (first === "") {
    if (last === "") return undefined;
    const length = Math.min(Number(last), size);
    return length === 0 ? "unsatisfiable" : { start: size - length, end: size };
  }
  const start = Number(first);
  const end = last === "" ? size : Math.min(Number(last) + 1, size);
  return start >= size || start >= end ? "unsatisfiable" : { start, end };
}

/** First and last byte of a chunk's Content-Range (distribution-spec: `<start>-<end>`, inclusive); undefined if malformed. */
export function parseContentRange(header: string): { first: number; last: number } | undefined {
  const match = /^(?:bytes[ =])?(\d{1,15})-(\d{1,15})(?:\/(?:\d{1,15}|\*))?$/.exec(header.trim());
  if (!match) return undefined;
  const first = Number(match[1]);
  const last = Number(match[2]);
  return last < first ? undefined : { first, last };
}
