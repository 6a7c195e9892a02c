import { isSpace, isWordBreak, skipSpace, trim, trimEnd } from "./characters.ts";

/** `--name=value` with its place in the line it came from. */
export interface RawFlag {
  /** Quotes removed, as `--name` or `--name=value`. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** A logical line taken apart: `KEYWORD --flag... rest`. */
export interface SplitCommand {
  readonly keyword: string;
  readonly flags: readonly RawFlag[];
  readonly rest: string;
  /** Offset of `rest` in the line. */
  readonly restStart: number;
}

/**
 * Splits a logical line from `from` on. Flags are the words that start with `--` right after the keyword; the word
 * `--` ends them. Quotes may stand anywhere in a flag and are removed; a backslash escapes one character.
 */
export function splitCommand(line: string, from = 0): SplitCommand {
  const start = skipSpace(line, from);
  let at = start;
  while (at < line.length && !isWordBreak(line.charCodeAt(at))) at++;
  const keyword = trimEnd(line.slice(start, at));
  const flags: RawFlag[] = [];
  for (;;) {
    at = skipSpace(line, at);
    if (line[at] !== "-" || line[at + 1] !== "-") break;
    const flag = readFlag(line, at);
    at = flag.end;
    if (flag.text === "--" && at < line.length) {
      at = skipSpace(line, at);
      break;
    }
    if (flag.text !== "--") flags.push(flag);
  }
  return { keyword, flags, rest: trim(line.slice(at)), restStart: at };
}

function readFlag(line: string, start: number): RawFlag {
  let text = "";
  let quote = "";
  let at = start;
  for (; at < line.length; at++) {
    const character = line[at]!;
    if (character === "\\") {
      // A backslash at the very end stands for nothing.
      if (++at < line.length) text += line[at];
    } else if (quote !== "") {
      if (character === quote) quote = "";
      else text += character;
    } else if (character === "'" || character === '"') quote = character;
    else if (isSpace(line.charCodeAt(at))) break;
    else text += character;
  }
  return { text, start, end: Math.min(at, line.length) };
}
