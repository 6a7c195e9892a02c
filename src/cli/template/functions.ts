import { show } from "./show.ts";

/** What a function cannot do with its arguments. */
export class CallError extends Error {}

/** Go's functions of templates and those Docker adds, but for `and` and `or`, which are given no more than they need. */
export const functions: Readonly<Record<string, (...args: unknown[]) => unknown>> = {
  json: (value) => JSON.stringify(value ?? null),
  len: (value) => {
    if (typeof value === "string") return Buffer.byteLength(value);
    if (typeof value === "number" || typeof value === "boolean") throw new CallError(`len of ${value}`);
    return Object.keys(value ?? {}).length;
  },
  upper: (value) => show(value).toUpperCase(),
  lower: (value) => show(value).toLowerCase(),
  title: (value) => show(value).replace(/\b\w/g, (letter) => letter.toUpperCase()),
  join: (list, separator) => (Array.isArray(list) ? list : []).map(show).join(show(separator)),
  split: (value, separator) => show(value).split(show(separator)),
  truncate: (value, length) => [...show(value)].slice(0, Number(length)).join(""),
  pad: (value, before, after) =>
    value === "" ? "" : `${" ".repeat(Number(before))}${show(value)}${" ".repeat(Number(after))}`,
  println: (...values) => `${values.map(show).join(" ")}\n`,
  print: (...values) => values.map(show).join(""),
  printf: (format, ...values) => printf(show(format), values),
  index: (value, ...keys) => keys.reduce(entryOf, value),
  slice: (value, from = 0, to = undefined) => {
    if (typeof value !== "string" && !Array.isArray(value)) throw new CallError(`slice of ${show(value)}`);
    const end = to === undefined ? value.length : Number(to);
    if (Number(from) > end || end > value.length)
      throw new CallError(`slice ${show(from)} to ${end} of something ${value.length} long`);
    return value.slice(Number(from), end);
  },
  eq: (value, ...others) => others.some((other) => value === other),
  ne: (a, b) => a !== b,
  lt: (a, b) => order(a, b) < 0,
  le: (a, b) => order(a, b) <= 0,
  gt: (a, b) => order(a, b) > 0,
  ge: (a, b) => order(a, b) >= 0,
  not: (value) => !truthy(value),
};

/** Go's zero values, and what is empty, are false. */
export function truthy(value: unknown): boolean {
  if (value === undefined || value === null || value === "" || value === 0 || value === false) return false;
  return typeof value !== "object" || Object.keys(value).length > 0;
}

/** Own fields only: a template must not reach a prototype. Names match as Go's, else without regard to case. */
export function member(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  if (Object.hasOwn(value, key)) return (value as Record<string, unknown>)[key];
  const twin = Object.keys(value).find((name) => name.toLowerCase() === key.toLowerCase());
  return twin === undefined ? undefined : (value as Record<string, unknown>)[twin];
}

/** A list's entry must be there; a map's that is not is the empty string, as of Docker's labels. */
function entryOf(value: unknown, key: unknown): unknown {
  if (value === null || value === undefined || value === "")
    throw new CallError(`index ${JSON.stringify(key)} of nothing`);
  if (typeof value === "string" || Array.isArray(value)) {
    if (typeof key !== "number") throw new CallError(`index ${JSON.stringify(key)} of a list`);
    if (!(key in Object(value))) throw new CallError(`index ${key} of a list that has ${value.length}`);
    return typeof value === "string" ? value.charCodeAt(key) : value[key];
  }
  if (typeof value !== "object") throw new CallError(`index ${JSON.stringify(key)} of ${show(value)}`);
  return Object.hasOwn(value, String(key)) ? (value as Record<string, unknown>)[String(key)] : "";
}

function order(a: unknown, b: unknown): number {
  if (typeof a !== typeof b || (typeof a !== "number" && typeof a !== "string"))
    throw new CallError(`${show(a)} and ${show(b)} cannot be compared`);
  return a < (b as typeof a) ? -1 : a === b ? 0 : 1;
}

const verb = /%([-+0 #]*)(\d+)?(?:\.(\d+))?([a-zA-Z%])/g;

function printf(format: string, values: readonly unknown[]): string {
  let next = 0;
  return format.replace(
    verb,
    (_, flags: string, width: string | undefined, precision: string | undefined, letter: string) => {
      if (letter === "%") return "%";
      const value = values[next++];
      let text = verbs[letter]?.(value, precision === undefined ? undefined : Number(precision));
      if (text === undefined) throw new CallError(`printf knows no %${letter}`);
      if (flags.includes("+") && typeof value === "number" && value >= 0) text = `+${text}`;
      const length = Number(width ?? 0);
      if (flags.includes("-")) return text.padEnd(length);
      return text.padStart(length, flags.includes("0") && typeof value === "number" ? "0" : " ");
    },
  );
}

const cutTo = (value: unknown, precision: number | undefined) =>
  precision === undefined ? show(value) : [...show(value)].slice(0, precision).join("");

const verbs: Readonly<Record<string, (value: unknown, precision: number | undefined) => string>> = {
  s: cutTo,
  v: cutTo,
  d: (value) => show(value),
  t: (value) => show(value),
  q: (value, precision) => JSON.stringify(cutTo(value, precision)),
  x: (value) => (typeof value === "number" ? value.toString(16) : Buffer.from(show(value)).toString("hex")),
  f: (value, precision = 6) => Number(value).toFixed(precision),
};
