import { StrakeError } from "../../../errors/index.ts";

export type TomlValue = string | number | boolean | TomlValue[] | TomlTable;
export interface TomlTable {
  [key: string]: TomlValue;
}

/**
 * The part of TOML that registries.conf and hosts.toml are written in: tables, arrays of tables, dotted and quoted keys,
 * strings of all four kinds, integers, booleans, arrays, inline tables. Node has no parser of its own. Dates and floats are refused.
 * Errors: REGISTRY_CONFIG with the line.
 */
export function parseTOML(text: string, file: string): TomlTable {
  return new Parser(text, file).document();
}

class Parser {
  readonly #text: string;
  readonly #file: string;
  #at = 0;

  constructor(text: string, file: string) {
    this.#text = text.replace(/^\ufeff/, "");
    this.#file = file;
  }

  document(): TomlTable {
    const root = table();
    let current = root;
    for (this.#blank(); this.#at < this.#text.length; this.#blank()) {
      if (this.#take("[[")) {
        const keys = this.#keys();
        this.#expect("]]");
        const parent = this.#walk(root, keys.slice(0, -1));
        const name = keys.at(-1)!;
        parent[name] ??= [];
        const list = parent[name];
        if (!Array.isArray(list)) this.#fail(`${name} is no list of tables`);
        current = table();
        list.push(current);
      } else if (this.#take("[")) {
        const keys = this.#keys();
        this.#expect("]");
        current = this.#walk(root, keys);
      } else this.#pair(current);
      this.#lineEnd();
    }
    return root;
  }

  #pair(into: TomlTable): void {
    const keys = this.#keys();
    this.#expect("=");
    const parent = this.#walk(into, keys.slice(0, -1));
    const name = keys.at(-1)!;
    if (Object.hasOwn(parent, name)) this.#fail(`${name} is set twice`);
    this.#spaces();
    parent[name] = this.#value();
  }

  #walk(from: TomlTable, keys: readonly string[]): TomlTable {
    let here = from;
    for (const key of keys) {
      if (!Object.hasOwn(here, key)) here[key] = table();
      const next = here[key]!;
      const inner = Array.isArray(next) ? next.at(-1) : next;
      if (typeof inner !== "object" || Array.isArray(inner)) this.#fail(`${key} is no table`);
      here = inner;
    }
    return here;
  }

  #keys(): string[] {
    const keys: string[] = [];
    do {
      this.#spaces();
      const quote = this.#text[this.#at];
      if (quote === '"' || quote === "'") keys.push(this.#string());
      else keys.push(this.#match(/[A-Za-z0-9_-]+/y) ?? this.#fail("a key is missing"));
      this.#spaces();
    } while (this.#take("."));
    return keys;
  }

  #value(): TomlValue {
    const first = this.#text[this.#at];
    if (first === '"' || first === "'") return this.#string();
    if (first === "[") return this.#list();
    if (first === "{") return this.#inline();
    const word = this.#match(/[^\s,\]}#]+/y) ?? this.#fail("a value is missing");
    if (word === "true" || word === "false") return word === "true";
    if (/^[+-]?[0-9](?:_?[0-9])*$/.test(word)) return Number(word.replaceAll("_", ""));
    return this.#fail(`${word} is no value known here`);
  }

  #list(): TomlValue[] {
    this.#expect("[");
    const values: TomlValue[] = [];
    for (;;) {
      this.#blank();
      if (this.#take("]")) return values;
      values.push(this.#value());
      this.#blank();
      if (this.#take(",")) continue;
      this.#expect("]");
      return values;
    }
  }

  #inline(): TomlTable {
    this.#expect("{");
    const values = table();
    this.#spaces();
    if (this.#take("}")) return values;
    do this.#pair(values);
    while (this.#spaces() && this.#take(","));
    this.#expect("}");
    return values;
  }

  #string(): string {
    for (const quote of ['"""', "'''"])
      if (this.#take(quote)) {
        const end = this.#text.indexOf(quote, this.#at);
        if (end < 0) this.#fail("a string has no end");
        const body = this.#text.slice(this.#at, end).replace(/^\r?\n/, "");
        this.#at = end + 3;
        return quote === '"""' ? this.#unescape(body.replace(/\\[ \t]*\r?\n\s*/g, "")) : body;
      }
    const literal = this.#match(/'[^'\n]*'/y);
    if (literal !== undefined) return literal.slice(1, -1);
    const basic = this.#match(/"(?:[^"\\\n]|\\.)*"/y) ?? this.#fail("a string has no end");
    return this.#unescape(basic.slice(1, -1));
  }

  #unescape(body: string): string {
    return body.replace(/\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)/gs, (_, code: string) => {
      const named = escapes[code];
      if (named !== undefined) return named;
      const point = code.length > 1 ? Number.parseInt(code.slice(1), 16) : Number.NaN;
      return point <= 0x10ffff ? String.fromCodePoint(point) : this.#fail(`\\${code} is no escape`);
    });
  }

  #lineEnd(): void {
    this.#match(/[ \t]*(?:#[^\n]*)?/y);
    if (this.#at < this.#text.length && this.#match(/\r?\n/y) === undefined)
      this.#fail("there is more on the line than one value");
  }

  #blank(): void {
    this.#match(/(?:\s|#[^\n]*)*/y);
  }

  #spaces(): true {
    this.#match(/[ \t]*/y);
    return true;
  }

  #take(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #expect(text: string): void {
    this.#spaces();
    if (!this.#take(text)) this.#fail(`${text} is missing`);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #fail(why: string): never {
    const line = this.#text.slice(0, this.#at).split("\n").length;
    throw new StrakeError("REGISTRY_CONFIG", `${this.#file}:${line}: ${why}`);
  }
}

const escapes: Readonly<Record<string, string>> = {
  ...{ b: "\b", t: "\t", n: "\n", f: "\f", r: "\r", e: "\x1b", '"': '"', "\\": "\\" },
};

/** Without a prototype: `__proto__` in a file is a key like any other. */
function table(): TomlTable {
  return Object.create(null) as TomlTable;
}
