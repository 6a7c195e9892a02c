import { StrakeError } from "./error.ts";

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;
const isString = (value: unknown) => typeof value === "string";
const isFunction = (value: unknown) => typeof value === "function";

const kinds = {
  any: ["anything", () => true],
  string: ["a string", isString],
  number: ["a number", (value: unknown) => typeof value === "number"],
  boolean: ["true or false", (value: unknown) => typeof value === "boolean"],
  strings: ["an array of strings", (value: unknown) => Array.isArray(value) && value.every(isString)],
  array: ["an array", (value: unknown) => Array.isArray(value)],
  object: ["an object", isObject],
  texts: [
    "an object whose values are strings",
    (value: unknown) =>
      isObject(value) && Object.values(value).every((text) => text === undefined || isString(text)),
  ],
  function: ["a function", isFunction],
  signal: ["an AbortSignal", (value: unknown) => isObject(value) && isFunction(value.addEventListener)],
  document: ["a string or Uint8Array", (value: unknown) => isString(value) || value instanceof Uint8Array],
  source: [
    "an async iterable of Uint8Array",
    (value: unknown) => isObject(value) && isFunction(value[Symbol.asyncIterator as never]),
  ],
} as const satisfies Record<string, readonly [string, (value: unknown) => boolean]>;

/** What an argument may be. */
export type ArgumentKind = keyof typeof kinds;

/** What each option of `T` may be; those that may be left out end with `?`. */
export type OptionKinds<T> = {
  readonly [K in keyof T]-?: undefined extends T[K]
    ? `${ArgumentKind}?` | { readonly oneOf: readonly NonNullable<T[K]>[] }
    : ArgumentKind;
};

/** Throws USAGE when a value is not of the kind: compilers see to that, but not everybody has one. `what` names call and argument: `tag: name`. */
export function checkArgument(what: string, value: unknown, kind: ArgumentKind): void {
  const [name, accepts] = kinds[kind];
  if (accepts(value)) return;
  if (kind === "texts" && isObject(value)) {
    const [key, other] = Object.entries(value).find(([, text]) => text !== undefined && !isString(text))!;
    throw new StrakeError("USAGE", `${what}: ${key} must be a string, not of type ${typeof other}`);
  }
  if (value === undefined) throw new StrakeError("USAGE", `${what} is missing: ${name}`);
  throw new StrakeError("USAGE", `${what} must be ${name}, not ${shown(value)}`, {
    ...(kind === "signal" &&
      value instanceof AbortController && { hint: "pass its signal: controller.signal" }),
    ...(kind === "strings" && isString(value) && { hint: `write [${shown(value)}]` }),
  });
}

/** Throws USAGE for options that are no object, and for the first of them that is not what it should be. */
export function checkOptions<T extends object>(call: string, options: T, expected: OptionKinds<T>): void {
  if (!isObject(options) || Array.isArray(options)) {
    const [first] = Object.entries(expected).find(([, kind]) => !isOptional(kind)) ?? [];
    throw new StrakeError("USAGE", `${call} takes an object with its options, not ${shown(options)}`, {
      hint: first === undefined ? "write { … }" : `write { ${first}: … }`,
    });
  }
  for (const [name, kind] of Object.entries<Kind>(expected)) {
    const value = (options as Record<string, unknown>)[name];
    if (value === undefined && isOptional(kind)) continue;
    if (typeof kind === "string")
      checkArgument(`${call}: ${name}`, value, kind.replace("?", "") as ArgumentKind);
    else if (!kind.oneOf.includes(value))
      throw new StrakeError(
        "USAGE",
        `${call}: ${name} must be one of ${kind.oneOf.map(shown).join(", ")}, not ${shown(value)}`,
      );
  }
}

type Kind = string | { readonly oneOf: readonly unknown[] };

const isOptional = (kind: unknown) => typeof kind !== "string" || kind.endsWith("?");

/** A value in few words. Never what is in an object: there may be secrets. */
function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) {
    const other = value.findIndex((item) => !isString(item));
    return other === -1 ? "an array" : `an array with ${shown(value[other])} in it`;
  }
  if (isObject(value)) return `an object (${value.constructor?.name ?? "Object"})`;
  return String(value);
}
