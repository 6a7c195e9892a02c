import { StrakeError } from "../errors/index.ts";
import { trim } from "./characters.ts";
import { decodeFile } from "./decode.ts";
import { Glob } from "./glob.ts";
import { limits } from "./limits.ts";
import { physicalLines } from "./physical-lines.ts";

/** One line of an ignore file. */
export interface IgnoreRule {
  /** Cleaned, without `!` and leading slash. */
  readonly pattern: string;
  /** True for `!pattern`: what matches is taken in again. */
  readonly negated: boolean;
  /** Line in the file, from 1; 0 for rules that come from elsewhere. */
  readonly line: number;
}

/**
 * The rules of a `.dockerignore`: `#` in the first column is a comment, blanks around a pattern are dropped, paths are
 * cleaned and one leading slash is taken off.
 * Throws `DOCKERFILE_PATTERN` (a lone `!`, a bad pattern) with the line, `DOCKERFILE_LIMIT`.
 */
export function parseIgnoreFile(input: string | Uint8Array, file = ".dockerignore"): IgnoreRule[] {
  const text = decodeFile(input, file);
  const rules: IgnoreRule[] = [];
  for (const [index, line] of physicalLines(text, file).entries()) {
    if (line.startsWith("#")) continue;
    const rule = parseIgnoreRule(line, index + 1);
    if (!rule) continue;
    try {
      checkPattern(rule.pattern);
    } catch (error) {
      if (!(error instanceof StrakeError)) throw error;
      throw error.with({ sources: [{ file, startLine: rule.line, endLine: rule.line, text }] });
    }
    rules.push(rule);
    if (rules.length > limits.ignorePatterns)
      throw new StrakeError("DOCKERFILE_LIMIT", `${file} has more than ${limits.ignorePatterns} patterns`);
  }
  return rules;
}

/** The rule of one line; undefined for a blank one. The pattern of a lone `!` is empty. */
export function parseIgnoreRule(text: string, line = 0): IgnoreRule | undefined {
  const trimmed = trim(text);
  if (trimmed === "") return undefined;
  const negated = trimmed.startsWith("!");
  const written = negated ? trim(trimmed.slice(1)) : trimmed;
  if (written === "") return { pattern: "", negated, line };
  const cleaned = cleanPath(written);
  return { pattern: cleaned.length > 1 && cleaned[0] === "/" ? cleaned.slice(1) : cleaned, negated, line };
}

function checkPattern(pattern: string): void {
  if (pattern === "") throw new StrakeError("DOCKERFILE_PATTERN", 'illegal exclusion pattern: "!"');
  new Glob(pattern, { doubleStar: true });
}

/** Go's filepath.Clean: no `.`, no empty components, `..` resolved by name, no trailing slash. */
export function cleanPath(path: string): string {
  const rooted = path.startsWith("/");
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (!rooted) parts.push("..");
  }
  return (rooted ? "/" : "") + parts.join("/") || ".";
}

/** Which rules match a directory or one of its parents. */
type Matched = Uint8Array;

/**
 * Decides which paths of a context are ignored. Paths are relative to the context, `/`-separated, without a leading
 * slash. The last rule that matches a path or one of its parents counts. Answers are quickest when the paths
 * of a directory are asked for in a row, as a walk does.
 */
export class IgnoreMatcher {
  readonly #globs: readonly Glob[];
  readonly #negated: readonly boolean[];
  readonly #nothing: Matched;
  /** What matches the directory asked about last, and the one above it, and so on. */
  readonly #directories: { path: string; matched: Matched }[] = [];

  /** Throws `DOCKERFILE_PATTERN` or `DOCKERFILE_LIMIT` for a bad pattern. */
  constructor(rules: readonly Pick<IgnoreRule, "pattern" | "negated">[]) {
    this.#globs = rules.map(({ pattern }) => new Glob(pattern, { doubleStar: true }));
    this.#negated = rules.map(({ negated }) => negated);
    this.#nothing = new Uint8Array(rules.length);
  }

  /** True when there are rules that take ignored paths in again. */
  get hasNegations(): boolean {
    return this.#negated.includes(true);
  }

  ignored(path: string): boolean {
    const parent = this.#parentOf(path);
    let ignored = false;
    for (let i = 0; i < this.#globs.length; i++) {
      // A rule that would not change the answer need not be tried.
      if (this.#negated[i] !== ignored) continue;
      if (parent[i] === 1 || this.#globs[i]!.matches(path)) ignored = !ignored;
    }
    return ignored;
  }

  /** True when neither the directory nor anything below it is part of the context: a walk need not enter it. */
  canSkipDirectory(path: string): boolean {
    const matched = this.#matchedBy(path);
    let last = -1;
    for (let i = 0; i < matched.length; i++) if (matched[i] === 1) last = i;
    if (last < 0 || this.#negated[last]) return false;
    // Below an ignored directory only a later negation can bring something back.
    for (let i = last + 1; i < this.#globs.length; i++)
      if (this.#negated[i] && this.#globs[i]!.mayMatchBelow(path)) return false;
    return true;
  }

  #parentOf(path: string): Matched {
    const slash = path.lastIndexOf("/");
    return slash < 0 ? this.#nothing : this.#matchedBy(path.slice(0, slash));
  }

  /** Rules that match a directory or one of its parents. */
  #matchedBy(directory: string): Matched {
    const known = this.#directories;
    while (known.length > 0) {
      const { path, matched } = known.at(-1)!;
      if (path === directory) return matched;
      if (directory.startsWith(path) && directory[path.length] === "/") break;
      known.pop();
    }
    let { path = "", matched = this.#nothing } = known.at(-1) ?? {};
    while (path !== directory) {
      const slash = directory.indexOf("/", path === "" ? 0 : path.length + 1);
      path = slash < 0 ? directory : directory.slice(0, slash);
      matched = this.#extend(matched, path);
      known.push({ path, matched });
    }
    return matched;
  }

  #extend(parent: Matched, path: string): Matched {
    let matched = parent;
    for (let i = 0; i < this.#globs.length; i++) {
      if (matched[i] === 1 || !this.#globs[i]!.matches(path)) continue;
      if (matched === parent) matched = parent.slice();
      matched[i] = 1;
    }
    return matched;
  }
}
