import { StrakeError } from "../errors/index.ts";

/** One element of a compiled pattern. */
export type GlobToken =
  | { readonly kind: "literal"; readonly code: number }
  /** `?`: one character that is not `/`. */
  | { readonly kind: "any" }
  /** `[...]`: one character that is not `/`. */
  | {
      readonly kind: "class";
      readonly negated: boolean;
      readonly ranges: readonly (readonly [number, number])[];
    }
  /** `*`: any number of characters that are not `/`. */
  | { readonly kind: "star" }
  /** `**` or `**` and `/`: nothing, or anything that ends in `/`. */
  | { readonly kind: "deep" }
  /** `**` at the end: anything. */
  | { readonly kind: "all" };

/**
 * Reads a pattern in the syntax of Go's filepath.Match: `*`, `?`, `[a-z]`, `[^a-z]` and backslash escapes; with
 * `doubleStar` also `**`. Throws `DOCKERFILE_PATTERN` where Go reports a bad pattern.
 */
export function globTokens(pattern: string, doubleStar: boolean): GlobToken[] {
  const tokens: GlobToken[] = [];
  for (let at = 0; at < pattern.length; ) {
    const code = pattern.codePointAt(at)!;
    const character = String.fromCodePoint(code);
    at += character.length;
    if (character === "*") {
      if (doubleStar && pattern[at] === "*") {
        at++;
        if (pattern[at] === "/") at++;
        tokens.push({ kind: at < pattern.length ? "deep" : "all" });
      } else if (tokens.at(-1)?.kind !== "star") tokens.push({ kind: "star" });
    } else if (character === "?") tokens.push({ kind: "any" });
    else if (character === "[") {
      const [token, end] = readClass(pattern, at);
      tokens.push(token);
      at = end;
    } else if (character === "\\") {
      const escaped = pattern.codePointAt(at);
      if (escaped === undefined) throw bad(pattern, "it ends in a backslash");
      at += String.fromCodePoint(escaped).length;
      tokens.push({ kind: "literal", code: escaped });
    } else tokens.push({ kind: "literal", code });
  }
  return tokens;
}

function readClass(pattern: string, from: number): [token: GlobToken, end: number] {
  let at = from;
  const negated = pattern[at] === "^";
  if (negated) at++;
  const ranges: (readonly [number, number])[] = [];
  for (;;) {
    if (pattern[at] === "]" && ranges.length > 0) return [{ kind: "class", negated, ranges }, at + 1];
    const [low, afterLow] = classCharacter(pattern, at);
    at = afterLow;
    if (pattern[at] === "-") {
      const [high, afterHigh] = classCharacter(pattern, at + 1);
      ranges.push([low, high]);
      at = afterHigh;
    } else ranges.push([low, low]);
  }
}

function classCharacter(pattern: string, from: number): [code: number, end: number] {
  let at = from;
  // An unescaped `-` or `]` cannot stand for itself.
  if (pattern[at] === "-" || pattern[at] === "]") throw bad(pattern, "a character class is malformed");
  if (pattern[at] === "\\") at++;
  const code = pattern.codePointAt(at);
  if (code === undefined) throw bad(pattern, "a character class has no end");
  return [code, at + String.fromCodePoint(code).length];
}

function bad(pattern: string, why: string): StrakeError {
  return new StrakeError("DOCKERFILE_PATTERN", `bad pattern "${pattern}": ${why}`, {
    hint: pattern.startsWith("[")
      ? 'a [ that is part of a name is written \\[; where JSON is meant: words in double quotes with commas between, ["a", "/b"]'
      : undefined,
  });
}
