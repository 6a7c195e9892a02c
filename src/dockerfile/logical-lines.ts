import type { SourceRange } from "../errors/index.ts";
import type { ParseWarning } from "./ast.ts";
import { skipSpace, trim } from "./characters.ts";
import { withoutLineEnd } from "./physical-lines.ts";

/** Where a stretch of a logical line stands in the file. */
interface Piece {
  /** First character of the logical line that it is. */
  readonly offset: number;
  readonly line: number;
  readonly column: number;
}

/** One instruction's text: continuations joined, comments and empty lines inside dropped. */
export interface LogicalLine {
  readonly text: string;
  readonly startLine: number;
  readonly endLine: number;
  readonly comments: readonly string[];
  readonly pieces: readonly Piece[];
}

/**
 * Walks the physical lines of a file and joins them to logical ones. The caller takes heredoc bodies out of the same
 * walk with `takeLine`, since only it knows which instructions have one.
 */
export class LineReader {
  readonly warnings: ParseWarning[] = [];
  readonly #lines: readonly string[];
  readonly #directiveLines: ReadonlySet<number>;
  readonly #escape: string;
  readonly #file: string;
  #next = 0;

  constructor(
    lines: readonly string[],
    options: {
      readonly directiveLines?: ReadonlySet<number>;
      readonly escape: string;
      readonly file: string;
    },
  ) {
    this.#lines = lines;
    this.#directiveLines = options.directiveLines ?? new Set();
    this.#escape = options.escape;
    this.#file = options.file;
  }

  /** Number of the line taken last. */
  get line(): number {
    return this.#next;
  }

  /** The next physical line with its ending, undefined at the end of the file. */
  takeLine(): string | undefined {
    return this.#next < this.#lines.length ? this.#lines[this.#next++] : undefined;
  }

  /** The next instruction's line, undefined at the end of the file. */
  takeLogicalLine(): LogicalLine | undefined {
    let comments: string[] = [];
    for (let line = this.takeLine(); line !== undefined; line = this.takeLine()) {
      const physical = withoutLineEnd(line);
      const start = skipSpace(physical, 0);
      if (start === physical.length) {
        comments = [];
        continue;
      }
      if (physical[start] !== "#") return this.#join(physical, start, comments);
      if (this.#directiveLines.has(this.#next)) continue;
      const comment = trim(physical.slice(start + 1));
      // A bare `#`, as an empty line, ends a block of comments: it does not belong to the instruction below.
      if (comment === "") comments = [];
      else comments.push(comment);
    }
    return undefined;
  }

  #join(first: string, column: number, comments: readonly string[]): LogicalLine {
    const startLine = this.#next;
    const pieces: Piece[] = [{ offset: 0, line: startLine, column }];
    let end = this.#continuation(first);
    let text = first.slice(column, end < 0 ? first.length : end);
    let emptyLine = false;
    while (end >= 0) {
      const line = this.takeLine();
      if (line === undefined) break;
      const physical = withoutLineEnd(line);
      const start = skipSpace(physical, 0);
      if (physical[start] === "#") continue;
      if (start === physical.length) {
        emptyLine = true;
        continue;
      }
      end = this.#continuation(physical);
      pieces.push({ offset: text.length, line: this.#next, column: 0 });
      text += end < 0 ? physical : physical.slice(0, end);
    }
    if (emptyLine) this.#warnEmptyContinuation();
    return { text, startLine, endLine: this.#next, comments, pieces };
  }

  /** Where the escape character stands that continues the line; -1 when nothing does. */
  #continuation(line: string): number {
    let end = line.length;
    while (end > 0 && (line[end - 1] === " " || line[end - 1] === "\t")) end--;
    if (line[end - 1] !== this.#escape) return -1;
    // An escaped escape character is part of the text: a path that ends in a backslash.
    return end > 1 && line[end - 2] === this.#escape ? -1 : end - 1;
  }

  #warnEmptyContinuation(): void {
    this.warnings.push({
      rule: "NoEmptyContinuation",
      message: "Empty continuation line",
      url: "https://docs.docker.com/go/dockerfile/rule/no-empty-continuation/",
      range: { file: this.#file, startLine: this.#next, endLine: this.#next },
    });
  }
}

/** The place in the file of the characters `start` to `end` of a logical line. */
export function rangeOf(line: LogicalLine, file: string, start: number, end: number): SourceRange {
  const from = positionOf(line, start);
  const to = positionOf(line, Math.max(start, end - 1));
  return {
    file,
    startLine: from.line,
    startColumn: from.column,
    endLine: to.line,
    endColumn: to.column + (end > start ? 1 : 0),
  };
}

function positionOf(line: LogicalLine, offset: number): { line: number; column: number } {
  // Binary search: an instruction may have as many flags as lines.
  let low = 0;
  let high = line.pieces.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (line.pieces[middle]!.offset <= offset) low = middle;
    else high = middle - 1;
  }
  const piece = line.pieces[low]!;
  return { line: piece.line, column: piece.column + offset - piece.offset };
}
