import { StrakeError } from "../errors/index.ts";

/** Booleans as Go's strconv.ParseBool takes them; undefined for anything else. */
export function parseBool(text: string): boolean | undefined {
  if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true;
  if (/^(0|f|F|false|FALSE|False)$/.test(text)) return false;
  return undefined;
}

const durationUnits: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3, // U+00B5
  μs: 1e3, // U+03BC
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/**
 * Nanoseconds of a duration in Go's syntax: `1h30m`, `1.5s`, `-10ms`, `0`.
 * Throws `DOCKERFILE_FLAG_INVALID`.
 */
export function parseDuration(text: string): number {
  const negative = text.startsWith("-");
  let rest = negative || text.startsWith("+") ? text.slice(1) : text;
  if (rest === "0") return 0;
  if (rest === "") throw invalidDuration(text);
  let total = 0;
  while (rest !== "") {
    const match = /^(\d*)(?:\.(\d*))?([^\d.]+)/.exec(rest);
    if (!match || (match[1] === "" && !match[2])) throw invalidDuration(text);
    const unit = Object.hasOwn(durationUnits, match[3]!) ? durationUnits[match[3]!] : undefined;
    if (unit === undefined) throw invalidDuration(text);
    total += Math.trunc(Number(`${match[1] || "0"}.${match[2] || "0"}`) * unit);
    rest = rest.slice(match[0].length);
  }
  // Go keeps durations in 63 bits.
  if (total > 2 ** 63 - 1024) throw invalidDuration(text);
  return negative ? -total : total;
}

const sizeUnits = "kmgtp";

/**
 * Bytes of a size such as `64m`, `1.5GiB`, `512`: units of 1024, case ignored.
 * Undefined when the text is no size.
 */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(?: ?([kmgtp])i?b?| ?b)?$/i.exec(text);
  if (!match) return undefined;
  const exponent = match[2] ? sizeUnits.indexOf(match[2].toLowerCase()) + 1 : 0;
  return Math.trunc(Number(match[1]) * 1024 ** exponent);
}

/** A non-negative integer below 2^32 in the given base; undefined for anything else. */
export function parseUint32(text: string, base: 8 | 10): number | undefined {
  if (!(base === 8 ? /^[0-7]+$/ : /^\d+$/).test(text)) return undefined;
  const value = Number.parseInt(text, base);
  return value < 2 ** 32 ? value : undefined;
}

function invalidDuration(text: string): StrakeError {
  return new StrakeError("DOCKERFILE_FLAG_INVALID", `invalid duration "${text}"`, {
    hint: "durations are numbers with a unit: 500ms, 30s, 1m30s, 1h",
  });
}
