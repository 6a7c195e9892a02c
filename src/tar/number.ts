import { StrakeError } from "../errors/index.ts";

/**
 * The number in a header field: octal digits between spaces and NULs, or GNU's base-256 (first bit set, big-endian
 * two's complement). An empty field is 0. Throws `TAR_INVALID` for anything else, negative octal included, and for
 * values a JavaScript number does not hold exactly.
 */
export function parseNumber(block: Uint8Array, offset: number, length: number, what: string): number {
  if (block[offset]! & 0x80) return parseBase256(block, offset, length, what);
  const end = offset + length;
  let at = offset;
  while (at < end && (block[at] === 0x20 || block[at] === 0)) at++;
  let value = 0;
  let digits = 0;
  for (; at < end; at++) {
    const digit = block[at]! - 0x30;
    if (digit < 0 || digit > 7) break;
    // A field has at most 12 digits, 36 bits: exact.
    value = value * 8 + digit;
    digits++;
  }
  for (; at < end; at++) {
    const byte = block[at]!;
    if (byte === 0 && digits > 0) break;
    if (byte !== 0x20 && byte !== 0) throw invalid(what, "is not an octal number");
  }
  return value;
}

function parseBase256(block: Uint8Array, offset: number, length: number, what: string): number {
  // Bit 7 of the first byte is the marker, bit 6 the sign.
  const negative = (block[offset]! & 0x40) !== 0;
  const flip = negative ? 0xff : 0;
  let value = 0;
  for (let i = 0; i < length; i++) {
    let byte = block[offset + i]! ^ flip;
    if (i === 0) byte &= 0x7f;
    value = value * 256 + byte;
    if (value > Number.MAX_SAFE_INTEGER) throw invalid(what, "is too large");
  }
  return negative ? -value - 1 : value;
}

/** A non-negative decimal number as PAX and sparse maps write it. Throws `TAR_INVALID`. */
export function parseDecimal(text: string, what: string): number {
  if (!/^[0-9]{1,16}$/.test(text)) throw invalid(what, "is not a decimal number");
  const value = Number(text);
  if (value > Number.MAX_SAFE_INTEGER) throw invalid(what, "is too large");
  return value;
}

export interface Time {
  readonly seconds: number;
  /** 0 to 999,999,999, counted forward from `seconds` also before 1970. */
  readonly nanoseconds: number;
}

/** A PAX time: decimal seconds, optionally negative, with a fraction of any length (cut to nanoseconds). */
export function parseTime(text: string, what: string): Time {
  const match = /^(-?)([0-9]{1,16})(?:\.([0-9]*))?$/.exec(text);
  if (!match) throw invalid(what, "is not a decimal number of seconds");
  const whole = parseDecimal(match[2]!, what);
  const fraction = Number((match[3] ?? "").slice(0, 9).padEnd(9, "0"));
  if (match[1] === "") return { seconds: whole, nanoseconds: fraction };
  if (fraction === 0) return { seconds: whole === 0 ? 0 : -whole, nanoseconds: 0 };
  return { seconds: -whole - 1, nanoseconds: 1_000_000_000 - fraction };
}

/** The shortest PAX form of a time, the inverse of `parseTime`. */
export function formatTime(seconds: number, nanoseconds: number): string {
  if (nanoseconds === 0) return String(seconds);
  const negative = seconds < 0;
  const whole = negative ? -(seconds + 1) : seconds;
  const fraction = negative ? 1_000_000_000 - nanoseconds : nanoseconds;
  return `${negative ? "-" : ""}${whole}.${String(fraction).padStart(9, "0").replace(/0+$/, "")}`;
}

function invalid(what: string, problem: string): StrakeError {
  return new StrakeError("TAR_INVALID", `${what} ${problem}`);
}
