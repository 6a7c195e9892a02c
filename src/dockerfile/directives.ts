import { StrakeError } from "../errors/index.ts";
import type { CheckOptions, Directive, Directives } from "./ast.ts";
import { skipSpace, trimEnd } from "./characters.ts";
import { withoutLineEnd } from "./physical-lines.ts";

const assignment = /^([a-zA-Z][a-zA-Z0-9]*)\s*=\s*/;
const names: ReadonlySet<string> = new Set(["syntax", "escape", "check"]);

/**
 * The parser directives at the top of a Dockerfile: `# name=value` lines before any comment, blank line or
 * instruction. `syntax` is also found after a `#!` line, as `// syntax=...` and as JSON `{"syntax": "..."}`, because
 * a file for another frontend need not be a Dockerfile. Line numbers that are directives are in `lines`.
 * Throws `DOCKERFILE_DIRECTIVE` for a directive given twice or an escape character other than backslash or backtick.
 */
export function readDirectives(
  lines: readonly string[],
  file: string,
): { directives: Directives; lines: ReadonlySet<number> } {
  const shebang = lines[0]?.startsWith("#!") ? 1 : 0;
  const list = scan(lines, shebang, "#", file);
  const directiveLines = new Set(list.map((directive) => directive.range.startLine));
  let syntax = list.find((directive) => directive.name === "syntax");
  if (!syntax) {
    syntax = otherSyntax(lines, shebang, file);
    if (syntax) list.push(syntax);
  }
  // BuildKit's parser stops looking for directives at the `#!` line; only `syntax` and `check` are read past it.
  const escapeDirective = shebang ? undefined : list.find((directive) => directive.name === "escape");
  if (escapeDirective && escapeDirective.value !== "\\" && escapeDirective.value !== "`")
    throw invalid(
      `invalid escape character "${escapeDirective.value}": only \\ and \` are allowed`,
      escapeDirective.range,
      lines,
    );
  const check = list.find((directive) => directive.name === "check");
  return {
    directives: {
      list,
      ...(syntax && splitSyntax(syntax.value)),
      escape: (escapeDirective?.value ?? "\\") as Directives["escape"],
      check: parseCheckOptions(check?.value ?? ""),
    },
    lines: directiveLines,
  };
}

function scan(lines: readonly string[], first: number, marker: string, file: string): Directive[] {
  const found: Directive[] = [];
  for (let i = first; i < lines.length; i++) {
    const line = withoutLineEnd(lines[i]!);
    const start = skipSpace(line, 0);
    if (!line.startsWith(marker, start)) break;
    const content = trimEnd(line.slice(skipSpace(line, start + marker.length)));
    const match = assignment.exec(content);
    const name = match?.[1]?.toLowerCase();
    if (!match || !name || !names.has(name) || match[0].length === content.length) break;
    const range = { file, startLine: i + 1, endLine: i + 1, startColumn: start, endColumn: line.length };
    if (found.some((directive) => directive.name === name))
      throw invalid(`only one ${name} parser directive can be used`, range, lines);
    found.push({ name: name as Directive["name"], value: content.slice(match[0].length), range });
  }
  return found;
}

function otherSyntax(lines: readonly string[], first: number, file: string): Directive | undefined {
  const start = lines[first]?.trimStart();
  if (start?.startsWith("//")) return scan(lines, first, "//", file).find((d) => d.name === "syntax");
  if (!start?.startsWith("{")) return undefined;
  try {
    const value: unknown = JSON.parse(lines.slice(first).join(""));
    const syntax = (value as Record<string, unknown>).syntax;
    if (typeof syntax !== "string") return undefined;
    return { name: "syntax", value: syntax, range: { file, startLine: first + 1, endLine: first + 1 } };
  } catch {
    return undefined;
  }
}

function splitSyntax(value: string): Pick<Directives, "syntax" | "syntaxCommandLine"> {
  const blank = value.indexOf(" ");
  if (blank < 0) return { syntax: value };
  return { syntax: value.slice(0, blank), syntaxCommandLine: value.slice(blank + 1).trim() };
}

/**
 * Reads the value of `# check=` or of the build argument BUILDKIT_DOCKERFILE_CHECK:
 * `skip=all|A,B`, `error=bool` and `experimental=all|A,B`, joined with `;`. Unknown keys are ignored.
 */
export function parseCheckOptions(value: string): CheckOptions {
  let skip: readonly string[] = [];
  let experimental: readonly string[] = [];
  let error = false;
  for (const part of value.split(";")) {
    const equals = part.indexOf("=");
    if (equals < 0) continue;
    const key = part.slice(0, equals).trim().toLowerCase();
    const setting = part.slice(equals + 1).trim();
    if (key === "skip") skip = ruleNames(setting);
    else if (key === "experimental") experimental = ruleNames(setting);
    else if (key === "error") error = /^(1|t|true)$/i.test(setting);
  }
  return {
    skip,
    skipAll: isAll(skip),
    error,
    experimental,
    experimentalAll: isAll(experimental),
  };
}

/** `# check=skip=A,B` among the comments above an instruction: the rules it turns off there. */
export function skippedChecks(comments: readonly string[]): string[] {
  const skipped: string[] = [];
  for (const comment of comments) {
    const match = /^check\s*=\s*(skip\s*=.*)$/i.exec(comment);
    if (match) skipped.push(...parseCheckOptions(match[1]!).skip);
  }
  return skipped;
}

function ruleNames(setting: string): string[] {
  return setting
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

function isAll(rules: readonly string[]): boolean {
  return rules.some((name) => name.toLowerCase() === "all");
}

function invalid(message: string, range: Directive["range"], lines: readonly string[]): StrakeError {
  return new StrakeError("DOCKERFILE_DIRECTIVE", message, { sources: [{ ...range, text: lines.join("") }] });
}
