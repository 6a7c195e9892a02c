import { nearest, StrakeError } from "../../../errors/index.ts";

/** A checked reader of configuration: every error names the place, like `access.policies[2].actions[0]`. */
export interface ConfigValue {
  readonly value: unknown;
  readonly path: string;
}

export function configError(path: string, problem: string, hint?: string): StrakeError {
  return new StrakeError("REGISTRY_SERVER_CONFIG", `${path || "the configuration"}: ${problem}`, { hint });
}

/** The members of an object, absent ones left out. Throws for a member that does not exist. */
export function members<K extends string>(
  { value, path }: ConfigValue,
  known: readonly K[],
): Partial<Record<K, ConfigValue>> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw configError(path, "this has to be an object");
  const found: Partial<Record<K, ConfigValue>> = {};
  for (const [name, member] of Object.entries(value)) {
    const at = path === "" ? name : `${path}.${name}`;
    if (!(known as readonly string[]).includes(name)) {
      const meant = nearest(name, known);
      throw configError(
        at,
        "there is no such setting",
        meant ? `did you mean ${meant}?` : `known are ${known.join(", ")}`,
      );
    }
    if (member !== undefined) found[name as K] = { value: member, path: at };
  }
  return found;
}

export function items({ value, path }: ConfigValue): ConfigValue[] {
  if (!Array.isArray(value)) throw configError(path, "this has to be a list");
  return value.map((item, index) => ({ value: item, path: `${path}[${index}]` }));
}

/** Names and values of an object used as a map. */
export function entries({ value, path }: ConfigValue): [string, ConfigValue][] {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw configError(path, "this has to be an object");
  return Object.entries(value).map(([name, item]) => [name, { value: item, path: `${path}.${name}` }]);
}

/** A string that matches; `what` says what it should be. */
export function text({ value, path }: ConfigValue, pattern: RegExp, what: string): string {
  if (typeof value === "string" && pattern.test(value)) return value;
  throw configError(path, `${shown(value)} is not ${what}`);
}

/** A pattern over names of repositories, as `access/glob.ts` reads it. */
export function repositoryPattern(value: ConfigValue): string {
  return text(value, /^[a-z0-9._/*?-]{1,255}$/, "a pattern of repositories, which have small letters");
}

export function flag({ value, path }: ConfigValue): boolean {
  if (typeof value === "boolean") return value;
  throw configError(path, "this has to be true or false");
}

const durationUnits = { ms: 1, s: 1000, m: 60_000, h: 3600_000, d: 86_400_000, w: 7 * 86_400_000 } as const;

/** A time span such as `90s`, `15m`, `6h`, `7d` or `1h30m`, in milliseconds. A bare 0 is none. */
export function duration({ value, path }: ConfigValue): number {
  if (value === 0 || value === "0") return 0;
  const words = typeof value === "string" && /^(?:\d{1,9}(?:ms|[smhdw]))+$/.test(value) ? value : "";
  let total = 0;
  for (const [, number, unit] of words.matchAll(/(\d+)(ms|[smhdw])/g))
    total += Number(number) * durationUnits[unit as keyof typeof durationUnits];
  if (words !== "") return total;
  throw configError(path, `${shown(value)} is not a time span`, 'write it like "90s", "15m", "6h" or "7d"');
}

/** Whole seconds: a number of them, or a time span. */
export function seconds(given: ConfigValue): number {
  if (typeof given.value === "number") return count(given);
  const found = duration(given) / 1000;
  if (Number.isSafeInteger(found) && found > 0) return found;
  throw configError(given.path, "this has to be whole seconds, and at least one");
}

/** A time span that was given elsewhere than in a file; `name` is what an error calls it. */
export function timeSpan(text: string, name: string): number {
  return duration({ value: text, path: name });
}

const sizeUnits = { "": 1, k: 1 << 10, m: 1 << 20, g: 1 << 30, t: 2 ** 40 } as const;

/** A number of bytes: a whole number, or one with a unit such as `512m`, `20GiB` (powers of 1024). */
export function size({ value, path }: ConfigValue): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  const match = typeof value === "string" ? /^(\d{1,12})\s*([kmgt]?)(?:i?b)?$/i.exec(value) : undefined;
  if (match) return Number(match[1]) * sizeUnits[match[2]!.toLowerCase() as keyof typeof sizeUnits];
  throw configError(path, `${shown(value)} is not a size`, 'write it like "512MiB" or "20GiB"');
}

/** A value as an error repeats it. */
function shown(value: unknown): string {
  return `${JSON.stringify(value)?.slice(0, 80)}`;
}

/** A whole number from 0. */
export function amount({ value, path }: ConfigValue): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw configError(path, "this has to be a whole number");
}

/** A whole number from 1. */
export function count({ value, path }: ConfigValue): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) return value;
  throw configError(path, "this has to be a whole number above 0");
}

export function oneOf<T extends string>({ value, path }: ConfigValue, choices: readonly T[]): T {
  if ((choices as readonly unknown[]).includes(value)) return value as T;
  throw configError(path, `${shown(value)} is not one of ${choices.join(", ")}`);
}

/** A member that cannot be left out. */
export function required(parent: ConfigValue, name: string, found: ConfigValue | undefined): ConfigValue {
  if (found) return found;
  throw configError(parent.path, `${name} is missing`);
}
