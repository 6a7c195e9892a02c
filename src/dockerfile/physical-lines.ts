import { StrakeError } from "../errors/index.ts";
import { limits } from "./limits.ts";

/**
 * The physical lines of a text, each with its line ending. Index 0 is line 1.
 * Throws `DOCKERFILE_LIMIT` for too many lines or a line that is too long.
 */
export function physicalLines(text: string, file: string): string[] {
  const lines: string[] = [];
  let start = 0;
  while (start < text.length) {
    const newline = text.indexOf("\n", start);
    const end = newline < 0 ? text.length : newline + 1;
    const line = text.slice(start, end);
    lines.push(line);
    if (line.length > limits.lineBytes / 3) checkLength(line, lines.length, text, file);
    start = end;
    if (lines.length > limits.lines)
      throw new StrakeError("DOCKERFILE_LIMIT", `${file} has more than ${limits.lines} lines`);
  }
  return lines;
}

/** A line without its `\n` or `\r\n`. */
export function withoutLineEnd(line: string): string {
  let end = line.length;
  while (end > 0 && (line[end - 1] === "\n" || line[end - 1] === "\r")) end--;
  return end === line.length ? line : line.slice(0, end);
}

function checkLength(line: string, number: number, text: string, file: string): void {
  if (new TextEncoder().encode(line).length <= limits.lineBytes) return;
  throw new StrakeError("DOCKERFILE_LIMIT", `line ${number} is longer than ${limits.lineBytes} bytes`, {
    sources: [{ file, startLine: number, endLine: number, text: "", firstLine: number }],
    hint: text.length > line.length ? "split it with line continuations" : undefined,
  });
}
