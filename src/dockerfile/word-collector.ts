import { isSpace } from "./characters.ts";

/** Gathers characters into words that end at blanks, except where blanks were quoted. */
export class WordCollector {
  readonly #words: string[] = [];
  #word = "";

  /** A character as written: a blank ends the word. */
  addCharacter(character: string): void {
    if (!isSpace(character.charCodeAt(0))) this.#word += character;
    else this.#end();
  }

  /** Text that came out of a variable: its blanks end words too. */
  addSplitting(text: string): void {
    let start = 0;
    for (let i = 0; i < text.length; i++) {
      if (!isSpace(text.charCodeAt(i))) continue;
      this.#word += text.slice(start, i);
      this.#end();
      start = i + 1;
    }
    this.#word += text.slice(start);
  }

  /** Text that was quoted or escaped. */
  addRaw(text: string): void {
    this.#word += text;
  }

  finish(): string[] {
    this.#end();
    return this.#words;
  }

  #end(): void {
    if (this.#word !== "") this.#words.push(this.#word);
    this.#word = "";
  }
}
