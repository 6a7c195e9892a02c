import { nearest, StrakeError } from "../../../errors/index.ts";

/** A checked reader of JSON: every error names the place, like `policies[2].actions[0]`. */
export interface ConfigValue {
  readonly value: unknown;
  readonly path: string;
}

export function configError(path: string, problem: string, hint?: string): StrakeError {
  return new StrakeError("REGISTRY_ACCESS_CONFIG", `${path || "the access rules"}: ${problem}`, { hint });
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
  throw configError(path, `${JSON.stringify(value)?.slice(0, 80)} is not ${what}`);
}

export function flag({ value, path }: ConfigValue): boolean {
  if (typeof value === "boolean") return value;
  throw configError(path, "this has to be true or false");
}

/** A whole number from 1. */
export function count({ value, path }: ConfigValue): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) return value;
  throw configError(path, "this has to be a whole number above 0");
}

export function oneOf<T extends string>({ value, path }: ConfigValue, choices: readonly T[]): T {
  if ((choices as readonly unknown[]).includes(value)) return value as T;
  throw configError(path, `${JSON.stringify(value)?.slice(0, 80)} is not one of ${choices.join(", ")}`);
}
