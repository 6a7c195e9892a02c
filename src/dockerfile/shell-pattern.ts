import { StrakeError } from "../errors/index.ts";
import { limits } from "./limits.ts";

/**
 * The pattern language of `${v#p}`, `${v%p}` and `${v/p/r}`: `*`, `?`, and backslash before `*`, `?`, `\`, `}` and
 * `/`. No brackets. Patterns are compiled to segments between stars, each searched for in turn, so that no pattern can
 * make matching exponential.
 */
type Segment = readonly (string | typeof anyCharacter)[];
const anyCharacter = Symbol("?");
interface Pattern {
  readonly segments: readonly Segment[];
  /** Characters the segments need together. */
  readonly length: number;
}

/** `value` without its shortest (or, greedy, longest) prefix that matches. */
export function trimPrefix(value: string, pattern: string, greedy: boolean): string {
  const characters = [...value];
  const end = prefixEnd(characters, compile(pattern), greedy);
  return end < 0 ? value : characters.slice(end).join("");
}

/** `value` without its shortest (or, greedy, longest) suffix that matches. */
export function trimSuffix(value: string, pattern: string, greedy: boolean): string {
  // The same search from the other end.
  const characters = [...value].reverse();
  const { segments, length } = compile(pattern);
  const mirrored = { segments: segments.map((segment) => [...segment].reverse()).reverse(), length };
  const end = prefixEnd(characters, mirrored, greedy);
  return end < 0 ? value : characters.slice(end).reverse().join("");
}

/** `value` with the first (or every) longest match replaced by the literal `replacement`. */
export function replacePattern(value: string, pattern: string, replacement: string, all: boolean): string {
  const characters = [...value];
  const compiled = compile(pattern);
  checkWork(characters.length, compiled);
  const out: string[] = [];
  let from = 0;
  let lastEnd = -1;
  let inserted = 0;
  while (from <= characters.length) {
    const start = find(characters, compiled.segments[0]!, from);
    const end = start < 0 ? -1 : matchEnd(characters, compiled, start, true);
    if (end < 0) break;
    out.push(characters.slice(from, start).join(""));
    // As in Go, an empty match directly after a match does not count.
    if (end > start || start !== lastEnd) {
      out.push(replacement);
      inserted += replacement.length;
      if (inserted > limits.expansionLength)
        throw new StrakeError(
          "DOCKERFILE_LIMIT",
          `a replacement expands to more than ${limits.expansionLength} characters`,
        );
    }
    lastEnd = end;
    from = end;
    if (end === start) {
      if (start < characters.length) out.push(characters[start]!);
      from = start + 1;
    }
    if (!all) break;
  }
  out.push(characters.slice(from).join(""));
  return out.join("");
}

function prefixEnd(characters: readonly string[], pattern: Pattern, greedy: boolean): number {
  checkWork(characters.length, pattern);
  return matchesAt(characters, pattern.segments[0]!, 0) ? matchEnd(characters, pattern, 0, greedy) : -1;
}

/**
 * Where a match ends whose first segment matches at `start`; -1 for none. Taking each middle segment at its earliest
 * place loses nothing, since stars take whatever lies between; only the last one decides how long the match is.
 */
function matchEnd(
  characters: readonly string[],
  { segments }: Pattern,
  start: number,
  greedy: boolean,
): number {
  let at = start + segments[0]!.length;
  const last = segments.length - 1;
  for (let i = 1; i <= last; i++) {
    const segment = segments[i]!;
    const found = i === last && greedy ? findLast(characters, segment, at) : find(characters, segment, at);
    if (found < 0) return -1;
    at = found + segment.length;
  }
  return at;
}

function find(characters: readonly string[], segment: Segment, from: number): number {
  for (let at = from; at + segment.length <= characters.length; at++)
    if (matchesAt(characters, segment, at)) return at;
  return -1;
}

function findLast(characters: readonly string[], segment: Segment, from: number): number {
  for (let at = characters.length - segment.length; at >= from; at--)
    if (matchesAt(characters, segment, at)) return at;
  return -1;
}

function matchesAt(characters: readonly string[], segment: Segment, at: number): boolean {
  if (at + segment.length > characters.length) return false;
  for (let i = 0; i < segment.length; i++) {
    const wanted = segment[i];
    if (wanted !== anyCharacter && wanted !== characters[at + i]) return false;
  }
  return true;
}

function compile(pattern: string): Pattern {
  const segments: (string | typeof anyCharacter)[][] = [[]];
  const characters = [...pattern];
  let length = 0;
  for (let i = 0; i < characters.length; i++) {
    let character = characters[i]!;
    if (character === "*") {
      segments.push([]);
      continue;
    }
    length++;
    if (character === "?") {
      segments.at(-1)!.push(anyCharacter);
      continue;
    }
    if (character === "\\") {
      const next = characters[++i];
      if (next === undefined || !"*?\\}/".includes(next))
        throw new StrakeError(
          "DOCKERFILE_EXPANSION",
          `invalid escape '\\${next ?? ""}' in pattern "${pattern}"`,
        );
      character = next;
    }
    segments.at(-1)!.push(character);
  }
  return { segments, length };
}

function checkWork(valueLength: number, pattern: Pattern): void {
  if (valueLength * Math.max(1, pattern.length) > limits.patternWork)
    throw new StrakeError("DOCKERFILE_LIMIT", "a pattern in a variable expansion is too long for its value");
}
