import { type ErrorCode, StrakeError } from "../errors/index.ts";

export type JSONObject = Record<string, unknown>;

/**
 * Checks of decoded JSON, in place. Optional fields that are null are removed, because Go writers put null for what
 * they left out; everything not asked about stays as it is. Errors name the field by path: `layers[2].size`.
 */
export class Shape {
  readonly #code: ErrorCode;
  readonly #noun: string;

  constructor(code: ErrorCode, noun: string) {
    this.#code = code;
    this.#noun = noun;
  }

  fail(path: string, why: string): never {
    throw new StrakeError(this.#code, `the ${this.#noun} is malformed: ${path === "" ? "it" : path} ${why}`);
  }

  object(value: unknown, path: string): JSONObject {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JSONObject;
    return this.fail(path, "is not an object");
  }

  array(value: unknown, path: string, limit = 100_000): unknown[] {
    if (!Array.isArray(value)) return this.fail(path, "is not a list");
    if (value.length > limit) return this.fail(path, `has more than ${limit} elements`);
    return value;
  }

  string(value: unknown, path: string): string {
    return typeof value === "string" ? value : this.fail(path, "is not a string");
  }

  /** A whole number that a double holds exactly, not negative. */
  size(value: unknown, path: string): number {
    if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
    return this.fail(path, "is not a size in bytes");
  }

  strings(value: unknown, path: string): string[] {
    const list = this.array(value, path);
    for (const [i, item] of list.entries()) this.string(item, `${path}[${i}]`);
    return list as string[];
  }

  /** An object whose values are all strings, such as labels and annotations. */
  stringMap(value: unknown, path: string): Record<string, string> {
    const map = this.object(value, path);
    for (const key of Object.keys(map)) this.string(map[key], `${path}[${JSON.stringify(key)}]`);
    return map as Record<string, string>;
  }

  /** Applies the check when the field is there; removes it when it is null. */
  optional(
    object: JSONObject,
    field: string,
    path: string,
    check: (value: unknown, path: string) => unknown,
  ): void {
    const value = object[field];
    if (value === null) delete object[field];
    else if (value !== undefined) check.call(this, value, path === "" ? field : `${path}.${field}`);
  }

  /**
   * Refuses keys that differ from a known one only in case. Go's decoder takes `Layers` for `layers`, others do not:
   * the same bytes would be two different images.
   */
  noTwins(object: JSONObject, known: ReadonlySet<string>, path: string): void {
    const lowered = new Map([...known].map((key) => [key.toLowerCase(), key]));
    for (const key of Object.keys(object)) {
      const twin = lowered.get(key.toLowerCase());
      if (twin !== undefined && twin !== key)
        this.fail(path, `holds ${JSON.stringify(key)}, meant is "${twin}"`);
    }
  }
}
