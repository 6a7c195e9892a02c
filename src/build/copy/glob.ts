import { StrakeError } from "../../errors/index.ts";

/** Whether a source of COPY or ADD is a pattern rather than a path. A backslash takes the meaning from the next character. */
export function isPattern(source: string): boolean {
  for (let i = 0; i < source.length; i++) {
    const char = source[i];
    if (char === "\\") i++;
    else if (char === "*" || char === "?" || char === "[") return true;
  }
  return false;
}

/** A path without the backslashes that take the meaning from pattern characters. */
export function unescapePattern(source: string): string {
  return source.replace(/\\(.)/g, "$1");
}

/**
 * Go's `filepath.Match` for one path component, as a regular expression: `*` and `?` (never `/`), `[a-z]`, `[^a-z]`, backslash
 * escapes. Throws BUILD_COPY_PATTERN where Go reports ErrBadPattern.
 */
export function compileComponent(pattern: string): RegExp {
  const chars = [...pattern];
  let source = "";
  for (let i = 0; i < chars.length; i++) {
    const char = chars[i]!;
    if (char === "*") source += "[^/]*";
    else if (char === "?") source += "[^/]";
    else if (char === "[") {
      const [text, end] = compileClass(chars, i + 1, pattern);
      source += text;
      i = end;
    } else if (char === "\\") {
      i++;
      if (i >= chars.length) throw badPattern(pattern);
      source += literal(chars[i]!);
    } else source += literal(char);
  }
  return new RegExp(`^${source}$`, "su");
}

/** A class from after its `[`; returns the expression and the index of its `]`. */
function compileClass(chars: readonly string[], start: number, pattern: string): [string, number] {
  let i = start;
  const negated = chars[i] === "^";
  if (negated) i++;
  let ranges = "";
  for (let count = 0; ; count++) {
    if (chars[i] === "]" && count > 0) break;
    let [low, next] = classChar(chars, i, pattern);
    let high = low;
    if (chars[next] === "-") [high, next] = classChar(chars, next + 1, pattern);
    // Go accepts a reversed range, which matches nothing; a regular expression refuses it.
    if (low <= high) ranges += `${literal(low)}-${literal(high)}`;
    i = next;
  }
  if (ranges === "") return [negated ? "[^/]" : "(?!)", i];
  return [negated ? `[^/${ranges}]` : `(?!/)[${ranges}]`, i];
}

function classChar(chars: readonly string[], at: number, pattern: string): [string, number] {
  let i = at;
  let char = chars[i];
  if (char === undefined || char === "-" || char === "]") throw badPattern(pattern);
  if (char === "\\") char = chars[++i];
  // A class must be closed, so something has to follow each of its characters.
  if (char === undefined || i + 1 >= chars.length) throw badPattern(pattern);
  return [char, i + 1];
}

function literal(char: string): string {
  return `\\u{${char.codePointAt(0)!.toString(16)}}`;
}

function badPattern(pattern: string): StrakeError {
  return new StrakeError("BUILD_COPY_PATTERN", `\`${pattern}\` is not a valid pattern`, {
    hint: "a `[` needs its `]`, and a backslash needs a character after it",
  });
}
