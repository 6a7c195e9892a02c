import { StrakeError } from "../errors/index.ts";
import { type GlobToken, globTokens } from "./glob-tokens.ts";

export interface GlobOptions {
  /** Let `**` cross directories: ignore files, `COPY --parents`, `--exclude`. */
  readonly doubleStar?: boolean;
}

/** Linux's PATH_MAX: no path that a longer pattern could name can exist. */
const longestPattern = 4096;
const slash = 0x2f;

/**
 * A compiled pattern. Matching walks the path once and keeps the set of places in the pattern it may be at: the
 * cost is at most path length times pattern length, whatever the pattern (a backtracking matcher takes
 * exponential time on `*a*a*a*a*b`). Not re-entrant, as nothing here is asynchronous.
 */
export class Glob {
  readonly #tokens: readonly GlobToken[];
  /** The pattern's text when it holds no wildcard. */
  readonly #literal: string | undefined;
  /** What every match starts and ends with: most paths fail here. */
  readonly #prefix: string;
  readonly #suffix: string;
  /** True for `prefix*suffix`. */
  readonly #singleStar: boolean;
  readonly #marks: Uint32Array;
  #generation = 0;

  /** Throws `DOCKERFILE_PATTERN` for a bad pattern, `DOCKERFILE_LIMIT` for one that is too long. */
  constructor(pattern: string, options: GlobOptions = {}) {
    if (pattern.length > longestPattern)
      throw new StrakeError("DOCKERFILE_LIMIT", `a pattern is longer than ${longestPattern} characters`);
    const tokens = globTokens(pattern, options.doubleStar ?? false);
    if (isSuffixPattern(pattern, tokens)) tokens[0] = { kind: "all" };
    this.#tokens = tokens;
    const firstWild = tokens.findIndex((token) => token.kind !== "literal");
    const lastWild = tokens.findLastIndex((token) => token.kind !== "literal");
    this.#literal = firstWild < 0 ? textOf(tokens) : undefined;
    this.#prefix = textOf(tokens.slice(0, Math.max(firstWild, 0)));
    this.#suffix = textOf(tokens.slice(lastWild + 1));
    this.#singleStar = firstWild >= 0 && firstWild === lastWild && tokens[firstWild]!.kind === "star";
    this.#marks = new Uint32Array(tokens.length + 1);
  }

  /** True when the pattern matches the whole path. */
  matches(path: string): boolean {
    if (this.#literal !== undefined) return path === this.#literal;
    if (!path.startsWith(this.#prefix) || !path.endsWith(this.#suffix)) return false;
    if (this.#singleStar) {
      const end = path.length - this.#suffix.length;
      if (end < this.#prefix.length) return false;
      const found = path.indexOf("/", this.#prefix.length);
      return found < 0 || found >= end;
    }
    return this.#run(path).includes(this.#tokens.length);
  }

  /** True when the pattern may match some path below the directory. */
  mayMatchBelow(directory: string): boolean {
    return this.#run(`${directory}/`).some((state) => state < this.#tokens.length);
  }

  /** The places in the pattern reached after the whole text; its length means a match. */
  #run(text: string): number[] {
    let states: number[] = [];
    this.#nextGeneration();
    this.#enter(0, states);
    for (let at = 0; at < text.length && states.length > 0; ) {
      const code = text.codePointAt(at)!;
      at += code > 0xffff ? 2 : 1;
      const following: number[] = [];
      this.#nextGeneration();
      for (const state of states) this.#step(state, code, following);
      states = following;
    }
    return states;
  }

  #step(state: number, code: number, following: number[]): void {
    const token = this.#tokens[state];
    switch (token?.kind) {
      case "literal":
        if (token.code === code) this.#enter(state + 1, following);
        break;
      case "any":
        if (code !== slash) this.#enter(state + 1, following);
        break;
      case "class":
        if (code !== slash && inClass(token, code)) this.#enter(state + 1, following);
        break;
      case "star":
        if (code !== slash) this.#enter(state, following);
        break;
      case "all":
        this.#enter(state, following);
        break;
      case "deep":
        this.#add(state, following);
        if (code === slash) this.#enter(state + 1, following);
        break;
    }
  }

  /** Adds a place and those that follow it without a character. */
  #enter(from: number, states: number[]): void {
    for (let state = from; ; state++) {
      const kind = this.#tokens[state]?.kind;
      this.#add(state, states);
      if (kind !== "star" && kind !== "all" && kind !== "deep") return;
    }
  }

  #add(state: number, states: number[]): void {
    if (this.#marks[state] === this.#generation) return;
    this.#marks[state] = this.#generation;
    states.push(state);
  }

  #nextGeneration(): void {
    if (++this.#generation < 2 ** 32) return;
    this.#marks.fill(0);
    this.#generation = 1;
  }
}

/** True when the pattern matches the whole path. Throws as `new Glob` does. */
export function globMatch(pattern: string, path: string, options: GlobOptions = {}): boolean {
  return new Glob(pattern, options).matches(path);
}

/** True when a COPY source is a pattern: it has an unescaped `*`, `?` or `[`. */
export function hasWildcard(pattern: string): boolean {
  return /^(?:[^\\*?[]|\\.)*[*?[]/s.test(pattern);
}

/** `**name`: BuildKit takes it as "ends in name", not as "is called name". */
function isSuffixPattern(pattern: string, tokens: readonly GlobToken[]): boolean {
  return (
    tokens[0]?.kind === "deep" &&
    pattern[2] !== "/" &&
    tokens.slice(1).every((token) => token.kind === "literal")
  );
}

function textOf(tokens: readonly GlobToken[]): string {
  return tokens.map((token) => (token.kind === "literal" ? String.fromCodePoint(token.code) : "")).join("");
}

function inClass(token: GlobToken & { kind: "class" }, code: number): boolean {
  return token.ranges.some(([low, high]) => low <= code && code <= high) !== token.negated;
}
