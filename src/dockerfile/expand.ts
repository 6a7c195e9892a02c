import { StrakeError } from "../errors/index.ts";
import { limits } from "./limits.ts";
import { toLookup, type Variables } from "./variables.ts";
import { WordLexer } from "./word-lexer.ts";

export interface ExpandOptions {
  /** The Dockerfile's escape character; backslash when absent. */
  readonly escape?: string;
  /** Compare variable names without regard to case. */
  readonly windows?: boolean;
}

export interface Expansion {
  readonly value: string;
  /** Names that were asked for and are set. */
  readonly used: ReadonlySet<string>;
  /** Names that were asked for and are not set. */
  readonly unset: ReadonlySet<string>;
}

export interface WordsExpansion extends Omit<Expansion, "value"> {
  readonly words: readonly string[];
}

const none: ReadonlySet<string> = new Set();
/** Without one of these a word is its own expansion (a backtick may be the escape character). */
const special = /[$'"\\`]/;

/**
 * Expands variables in one word and removes its quotes: `$v`, `${v}`, `${v:-w}`, `${v-w}`, `${v:+w}`, `${v+w}`,
 * `${v:?m}`, `${v?m}`, `${v#p}`, `${v##p}`, `${v%p}`, `${v%%p}`, `${v/p/r}`, `${v//p/r}`. Single quotes keep everything
 * as it is; double quotes let `$` through.
 * Throws `DOCKERFILE_EXPANSION` for bad syntax, `DOCKERFILE_VARIABLE_REQUIRED` from `?`, `DOCKERFILE_LIMIT`.
 */
export function expand(word: string, variables: Variables, options: ExpandOptions = {}): Expansion {
  if (!special.test(word)) return { value: word, used: none, unset: none };
  const lexer = newLexer(word, variables, options);
  const { text } = run(lexer, word);
  return { value: text, used: lexer.used, unset: lexer.unset };
}

/**
 * Expands variables and splits the result at unquoted blanks, those that came out of variables included. Blanks in
 * quotes or after the escape character do not split.
 */
export function splitWords(text: string, variables: Variables, options: ExpandOptions = {}): WordsExpansion {
  const lexer = newLexer(text, variables, options);
  const { words } = run(lexer, text);
  return { words, used: lexer.used, unset: lexer.unset };
}

/**
 * Expands variables in the body of an unquoted heredoc of COPY or ADD. Quotes are ordinary characters there; a
 * backslash still escapes the character after it, whatever the file's escape character is.
 */
export function expandHeredoc(text: string, variables: Variables, windows = false): Expansion {
  const lexer = new WordLexer(text, toLookup(variables, windows), {
    escape: "\\",
    ignoreQuotes: true,
    maxLength: limits.heredocLength,
  });
  return { value: run(lexer, text).text, used: lexer.used, unset: lexer.unset };
}

function newLexer(text: string, variables: Variables, options: ExpandOptions): WordLexer {
  return new WordLexer(text, toLookup(variables, options.windows), { escape: options.escape ?? "\\" });
}

function run(lexer: WordLexer, source: string): { text: string; words: readonly string[] } {
  try {
    return lexer.run();
  } catch (error) {
    if (error instanceof StrakeError && error.code === "DOCKERFILE_EXPANSION")
      throw new StrakeError(error.code, `failed to process "${excerpt(source)}": ${error.message}`);
    throw error;
  }
}

function excerpt(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}...` : text;
}
