import { StrakeError } from "../errors/index.ts";
import type { Heredoc } from "./ast.ts";
import { skipSpace } from "./characters.ts";
import type { LineReader } from "./logical-lines.ts";
import { withoutLineEnd } from "./physical-lines.ts";
import { WordLexer } from "./word-lexer.ts";

/** `<<WORD` as it stands in an instruction, before its body is read. */
export type HeredocMark = Pick<Heredoc, "name" | "fileDescriptor" | "expand" | "stripTabs">;

const mark = /^(\d*)<<(-?)\s*([^<]*)$/;

/**
 * The heredoc a word stands for; undefined when it is none. The delimiter may be quoted in whole or in part, which
 * turns expansion of the body off. Throws `DOCKERFILE_EXPANSION` for a quote that does not end.
 */
export function parseHeredocMark(word: string): HeredocMark | undefined {
  const match = mark.exec(word);
  if (!match) return undefined;
  const delimiter = match[3]!;
  if (delimiter === "") return undefined;
  const names = lex(delimiter, false);
  if (names.length !== 1) return undefined;
  const name = names[0]!;
  const expand = countQuotes(name) === countQuotes(lex(delimiter, true)[0]!);
  return {
    name,
    fileDescriptor: match[1] === "" ? 0 : Number(match[1]),
    expand,
    stripTabs: match[2] === "-",
  };
}

/** Like `parseHeredocMark`, for words that may be anything. */
export function heredocMarkOf(word: string): HeredocMark | undefined {
  if (!word.includes("<<")) return undefined;
  try {
    return parseHeredocMark(word);
  } catch {
    return undefined;
  }
}

/** Words of a line with quotes and escapes as written; `<< WORD` counts as one word. Empty for unbalanced quotes. */
export function heredocWords(line: string): readonly string[] {
  try {
    const lexer = new WordLexer(line, unset, {
      escape: "\\",
      rawQuotes: true,
      rawEscapes: true,
      keepUnset: true,
      heredocs: true,
    });
    return lexer.run().words;
  } catch (error) {
    // Shell text need not be balanced by our rules; then it cannot announce a heredoc either.
    if (error instanceof StrakeError && error.code === "DOCKERFILE_EXPANSION") return [];
    throw error;
  }
}

/**
 * Reads the bodies of all heredocs that `line` announces, in order.
 * Throws `DOCKERFILE_HEREDOC` when the file ends before a delimiter.
 */
export function readHeredocs(line: string, reader: LineReader, file: string): Heredoc[] {
  const heredocs: Heredoc[] = [];
  for (const word of heredocWords(line)) {
    const found = parseHeredocMark(word);
    if (found) heredocs.push(readBody(found, reader, file));
  }
  return heredocs;
}

function readBody(found: HeredocMark, reader: LineReader, file: string): Heredoc {
  const startLine = reader.line + 1;
  const content: string[] = [];
  for (let line = reader.takeLine(); line !== undefined; line = reader.takeLine()) {
    let candidate = withoutLineEnd(line);
    if (found.stripTabs) candidate = candidate.replace(/^\t+/, "");
    if (candidate === found.name)
      return { ...found, content: content.join(""), range: { file, startLine, endLine: reader.line } };
    content.push(line);
  }
  throw new StrakeError("DOCKERFILE_HEREDOC", `unterminated heredoc: no line "${found.name}" ends it`);
}

/** The text a heredoc stands for: its content, without leading tabs when `<<-` asked for that. */
export function heredocText(heredoc: Pick<Heredoc, "content" | "stripTabs">): string {
  return heredoc.stripTabs ? heredoc.content.replace(/^\t+/gm, "") : heredoc.content;
}

function lex(delimiter: string, rawQuotes: boolean): readonly string[] {
  return new WordLexer(delimiter.slice(skipSpace(delimiter, 0)), unset, {
    escape: "\\",
    keepUnset: true,
    rawQuotes,
  }).run().words;
}

function countQuotes(text: string): number {
  return text.split(/['"]/).length - 1;
}

function unset(): undefined {
  return undefined;
}
