import type { SourceExcerpt, StrakeError } from "./error.ts";

/** How many lines around a source range are shown. */
const contextLines = 2;

/**
 * The text a terminal shows for an error: message, excerpt of each source with the lines marked, hint.
 * Pure; no colour.
 */
export function renderError(error: StrakeError): string {
  const parts = [`error: ${error.message}`];
  for (const source of error.sources) parts.push(renderExcerpt(source));
  if (error.hint) parts.push(`hint: ${error.hint}`);
  return parts.join("\n");
}

/** `file:line`, then the lines around the range, those of the range marked with `>>>`. */
export function renderExcerpt(source: SourceExcerpt): string {
  const firstLine = source.firstLine ?? 1;
  const lines = source.text.split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  const from = Math.max(firstLine, source.startLine - contextLines);
  const to = Math.min(firstLine + lines.length - 1, source.endLine + contextLines);
  const width = String(to).length;
  const out = [`${source.file ?? "Dockerfile"}:${source.startLine}`, "-".repeat(20)];
  for (let n = from; n <= to; n++) {
    const mark = n >= source.startLine && n <= source.endLine ? ">>>" : "   ";
    out.push(` ${String(n).padStart(width)} | ${mark} ${lines[n - firstLine] ?? ""}`);
  }
  out.push("-".repeat(20));
  return out.join("\n");
}
