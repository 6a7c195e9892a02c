import { StrakeError } from "../errors/index.ts";
import { isDigit, isNamePart, isSpace } from "./characters.ts";
import { limits } from "./limits.ts";
import { replacePattern, trimPrefix, trimSuffix } from "./shell-pattern.ts";
import type { Lookup } from "./variables.ts";
import { WordCollector } from "./word-collector.ts";

export interface LexerOptions {
  readonly escape: string;
  /** Keep quotes in the output. */
  readonly rawQuotes?: boolean;
  /** Keep escape characters in the output. */
  readonly rawEscapes?: boolean;
  /** Quotes are ordinary characters. */
  readonly ignoreQuotes?: boolean;
  /** Leave references to unset variables as they were written. */
  readonly keepUnset?: boolean;
  /** Characters the output may have; `limits.expansionLength` when absent. */
  readonly maxLength?: number;
  /** `<<` swallows the blanks after it, so that `<< EOF` is one word. */
  readonly heredocs?: boolean;
}

const specialParameters = "@*#?-$!0";

/** One pass over a word (or a line): expands variables, removes quotes, collects words. Used once. */
export class WordLexer {
  readonly used = new Set<string>();
  readonly unset = new Set<string>();
  readonly #source: string;
  readonly #lookup: Lookup;
  readonly #options: LexerOptions;
  readonly #maxLength: number;
  #at = 0;
  #depth = 0;
  #rawEscapes: boolean;

  constructor(source: string, lookup: Lookup, options: LexerOptions) {
    this.#source = source;
    this.#lookup = lookup;
    this.#options = options;
    this.#maxLength = options.maxLength ?? limits.expansionLength;
    this.#rawEscapes = options.rawEscapes ?? false;
  }

  run(): { text: string; words: readonly string[] } {
    const words = new WordCollector();
    const text = this.#until("", words);
    return { text, words: words.finish() };
  }

  get #done(): boolean {
    return this.#at >= this.#source.length;
  }

  /** Takes one character: a whole surrogate pair where there is one. */
  #next(): string {
    const character = String.fromCodePoint(this.#source.codePointAt(this.#at)!);
    this.#at += character.length;
    return character;
  }

  #peek(): string {
    return this.#source[this.#at] ?? "";
  }

  /** Reads up to the unquoted character `stop` and past it, or to the end when `stop` is empty. */
  #until(stop: string, words?: WordCollector): string {
    const { escape: escapeCharacter, ignoreQuotes, heredocs } = this.#options;
    let out = "";
    while (!this.#done) {
      const character = this.#peek();
      if (stop !== "" && character === stop) {
        this.#at++;
        return out;
      }
      let piece: string;
      if (character === "$") {
        piece = this.#dollar();
        words?.addSplitting(piece);
      } else if (!ignoreQuotes && (character === "'" || character === '"')) {
        piece = character === "'" ? this.#singleQuoted() : this.#doubleQuoted();
        words?.addRaw(piece);
      } else if (heredocs && character === "<") {
        piece = this.#possibleHeredoc();
        words?.addRaw(piece);
      } else if (character === escapeCharacter) {
        piece = this.#escaped(words);
      } else {
        piece = this.#next();
        words?.addCharacter(piece);
      }
      out += piece;
      this.#checkLength(out);
    }
    if (stop !== "") throw syntaxError(`unexpected end of statement while looking for matching ${stop}`);
    return out;
  }

  #checkLength(out: string): void {
    if (out.length > this.#maxLength)
      throw new StrakeError("DOCKERFILE_LIMIT", `a word expands to more than ${this.#maxLength} characters`);
  }

  #escaped(words: WordCollector | undefined): string {
    const escapeCharacter = this.#next();
    let out = "";
    if (this.#rawEscapes) {
      words?.addRaw(escapeCharacter);
      out = escapeCharacter;
    }
    // An escape character at the very end stands for nothing.
    if (this.#done) return out;
    const character = this.#next();
    words?.addRaw(character);
    return out + character;
  }

  #singleQuoted(): string {
    const start = ++this.#at;
    const end = this.#source.indexOf("'", start);
    if (end < 0) throw syntaxError("unexpected end of statement while looking for matching single-quote");
    this.#at = end + 1;
    const content = this.#source.slice(start, end);
    return this.#options.rawQuotes ? `'${content}'` : content;
  }

  #doubleQuoted(): string {
    const { escape: escapeCharacter, rawQuotes } = this.#options;
    this.#at++;
    let out = rawQuotes ? '"' : "";
    while (!this.#done) {
      const character = this.#peek();
      if (character === '"') {
        this.#at++;
        return rawQuotes ? `${out}"` : out;
      }
      if (character === "$") out += this.#dollar();
      else if (character === escapeCharacter) {
        this.#at++;
        if (this.#rawEscapes) out += escapeCharacter;
        if (this.#done) break;
        const escaped = this.#peek();
        // Only these three can be escaped inside double quotes; else the escape character is one of the text.
        if (escaped === '"' || escaped === "$" || escaped === escapeCharacter) out += this.#next();
        else out += escapeCharacter;
      } else out += this.#next();
      this.#checkLength(out);
    }
    throw syntaxError("unexpected end of statement while looking for matching double-quote");
  }

  #possibleHeredoc(): string {
    const start = this.#at++;
    if (this.#peek() !== "<") return "<";
    this.#at++;
    while (!this.#done && isSpace(this.#source.charCodeAt(this.#at))) this.#at++;
    return this.#source.slice(start, this.#at);
  }

  #dollar(): string {
    const start = this.#at++;
    if (this.#peek() !== "{") {
      const name = this.#name();
      if (name === "") return "$";
      return this.#get(name) ?? (this.#options.keepUnset ? this.#source.slice(start, this.#at) : "");
    }
    this.#at++;
    if (++this.#depth > limits.expansionDepth)
      throw new StrakeError(
        "DOCKERFILE_LIMIT",
        `variables are nested more than ${limits.expansionDepth} deep`,
      );
    const value = this.#braced(start);
    this.#depth--;
    return value;
  }

  /** After `${`. */
  #braced(start: number): string {
    const first = this.#peek();
    if (first === "") throw syntaxError("syntax error: missing '}'");
    if (first === "{" || first === "}" || first === ":") throw syntaxError("syntax error: bad substitution");
    const name = this.#name();
    if (this.#done) throw syntaxError("syntax error: missing '}'");
    let modifier = this.#next();
    if (modifier === "}")
      return this.#get(name) ?? (this.#options.keepUnset ? this.#source.slice(start, this.#at) : "");
    if (modifier === "/") return this.#replace(name, start);
    if (modifier === ":" && !this.#done) modifier += this.#next();
    const operator = modifier.at(-1)!;
    // A colon asks about emptiness; trimming has no such question.
    const known = modifier.length === 1 ? "+-?#%" : "+-?";
    if (!known.includes(operator)) throw syntaxError(`unsupported modifier (${modifier}) in substitution`);
    const word = this.#operand("}", operator === "#" || operator === "%");
    const value = this.#get(name);
    if (value === undefined && this.#options.keepUnset) return this.#source.slice(start, this.#at);
    const missing = value === undefined || (modifier.length === 2 && value === "");
    switch (operator) {
      case "-":
        return missing ? word : value!;
      case "+":
        return missing ? "" : word;
      case "?":
        if (missing) {
          const state = value === undefined ? "unset" : "empty";
          throw new StrakeError(
            "DOCKERFILE_VARIABLE_REQUIRED",
            `${name}: ${word || `is not allowed to be ${state}`}`,
          );
        }
        return value!;
      default: {
        const greedy = word.startsWith(operator);
        const trim = operator === "#" ? trimPrefix : trimSuffix;
        return trim(value ?? "", greedy ? word.slice(1) : word, greedy);
      }
    }
  }

  /** After `${name/`. */
  #replace(name: string, start: number): string {
    const all = this.#peek() === "/";
    if (all) this.#at++;
    const pattern = this.#operand("/", true);
    const replacement = this.#operand("}", true);
    const value = this.#get(name);
    if (value === undefined && this.#options.keepUnset) return this.#source.slice(start, this.#at);
    return replacePattern(value ?? "", pattern, replacement, all);
  }

  /** A nested word. Patterns keep their escapes: there they belong to the pattern language. */
  #operand(stop: string, rawEscapes: boolean): string {
    const outer = this.#rawEscapes;
    this.#rawEscapes = rawEscapes;
    try {
      return this.#until(stop);
    } catch (error) {
      if (this.#done && error instanceof StrakeError && error.code === "DOCKERFILE_EXPANSION")
        throw syntaxError(`syntax error: missing '${stop}'`);
      throw error;
    } finally {
      this.#rawEscapes = outer;
    }
  }

  /** A name: digits only, one special parameter, or letters, digits and `_`. Empty when none starts here. */
  #name(): string {
    const start = this.#at;
    const first = this.#source.codePointAt(start);
    if (first === undefined) return "";
    if (isDigit(first)) {
      while (!this.#done && isDigit(this.#source.codePointAt(this.#at)!)) this.#next();
    } else if (specialParameters.includes(String.fromCodePoint(first))) {
      this.#at++;
    } else {
      while (!this.#done && isNamePart(this.#source.codePointAt(this.#at)!)) this.#next();
    }
    return this.#source.slice(start, this.#at);
  }

  #get(name: string): string | undefined {
    const value = this.#lookup(name);
    (value === undefined ? this.unset : this.used).add(name);
    return value;
  }
}

function syntaxError(message: string): StrakeError {
  return new StrakeError("DOCKERFILE_EXPANSION", message);
}
