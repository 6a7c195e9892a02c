import { nearest } from "../../errors/index.ts";
import { functions } from "./functions.ts";
import type { BlockKind, Call, Node, Operand, Pipe } from "./nodes.ts";
import { type Word, wordsOf } from "./words.ts";

const functionNames = [...Object.keys(functions), "and", "or"];

/** Why a text is no template. */
export class TemplateError extends Error {
  readonly hint: string | undefined;
  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}

interface Piece {
  readonly text: string;
  /** The words of an action; undefined for text between actions. */
  readonly words?: Word[];
}

/** Throws TemplateError. */
export function parseTemplate(text: string): Node[] {
  const parser = new Parser(cut(text));
  const nodes = parser.block([]);
  if (parser.ended !== undefined) throw new TemplateError(`an ${parser.ended} too many`);
  return nodes;
}

/**
 * Text and actions in turn; `{{- ` and ` -}}` take the blanks beside them, comments say nothing. A quote is a character of its own only where it has no
 * partner: two ways to read each would be too many to try.
 */
function cut(text: string): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (const match of text.matchAll(
    /\{\{(-(?=\s))?((?:"(?:[^"\\]|\\.)*"|`[^`]*`|(?!\s-\}\}|\}\})(?:[^"`]|"(?!(?:[^"\\]|\\.)*")|`(?![^`]*`)))*)(\s-)?\}\}/g,
  )) {
    let before = text.slice(at, match.index);
    if (match[1]) before = before.trimEnd();
    if (before !== "") pieces.push({ text: before });
    const action = match[2]!.trim();
    if (!/^\/\*[\s\S]*\*\/$/.test(action)) {
      const words = wordsOf(action);
      if (typeof words === "string") throw new TemplateError(words);
      pieces.push({ text: action, words });
    }
    at = match.index + match[0].length;
    if (match[3]) at += text.length - at - text.slice(at).trimStart().length;
  }
  if (text.slice(at).includes("{{")) throw new TemplateError("{{ without }}");
  if (at < text.length) pieces.push({ text: text.slice(at) });
  return pieces;
}

class Parser {
  /** The `end` or `else` that the last block stopped at. */
  ended: string | undefined;
  readonly #pieces: readonly Piece[];
  #at = 0;
  #ranges = 0;

  constructor(pieces: readonly Piece[]) {
    this.#pieces = pieces;
  }

  /** Nodes up to `end`, `else` or the end of the text, with the variables that hold there. */
  block(outer: readonly string[]): Node[] {
    const nodes: Node[] = [];
    const variables = [...outer];
    this.ended = undefined;
    while (this.#at < this.#pieces.length) {
      const { text, words } = this.#pieces[this.#at++]!;
      if (words === undefined) {
        nodes.push({ kind: "text", text });
        continue;
      }
      const [first] = words;
      if (first?.kind === "name" && (first.text === "end" || first.text === "else")) {
        this.ended = text;
        return nodes;
      }
      nodes.push(this.#action(text, words, variables));
      this.ended = undefined;
    }
    return nodes;
  }

  #action(text: string, words: readonly Word[], variables: string[]): Node {
    const name = words[0]?.kind === "name" ? words[0].text : "";
    if (name === "if" || name === "with" || name === "range")
      return this.#control(name, words.slice(1), variables);
    if (name === "break" || name === "continue") {
      if (this.#ranges === 0 || words.length > 1)
        throw new TemplateError(`${name} belongs in a range, alone`);
      return { kind: "leave", how: name };
    }
    if (name === "define" || name === "template" || name === "block")
      throw new TemplateError(`${name} is not supported`);
    const pipe = new Actions(text, words, variables).whole(1);
    if (!pipe.assigns) variables.push(...pipe.variables);
    return { kind: "print", pipe };
  }

  #control(kind: BlockKind, words: readonly Word[], outer: readonly string[]): Node {
    const pipe = new Actions(kind, words, outer).whole(kind === "range" ? 2 : 1);
    const variables = pipe.assigns ? outer : [...outer, ...pipe.variables];
    if (kind === "range") this.#ranges++;
    const body = this.block(variables);
    if (kind === "range") this.#ranges--;
    const otherwise = this.#otherwise(kind, variables);
    if (this.ended !== "end") throw new TemplateError(`a ${kind} without {{end}}`);
    return { kind, pipe, body, otherwise };
  }

  #otherwise(kind: BlockKind, variables: readonly string[]): Node[] {
    const ended = this.ended ?? "";
    if (ended === "else") return this.block(variables);
    if (!/^else\s+(if|with)\s/.test(ended) || kind === "range") return [];
    // `else if` ends with the `end` of the whole.
    const [, next, ...words] = this.#pieces[this.#at - 1]!.words!;
    return [this.#control(next!.text as BlockKind, words, variables)];
  }
}

/** The words of one action. */
class Actions {
  readonly #action: string;
  readonly #words: readonly Word[];
  readonly #variables: readonly string[];
  #at = 0;

  constructor(action: string, words: readonly Word[], variables: readonly string[]) {
    this.#action = action;
    this.#words = words;
    this.#variables = variables;
  }

  whole(mostVariables: number): Pipe {
    if (this.#words.length === 0)
      throw new TemplateError(this.#action === "" ? "an empty {{}}" : `${this.#action} of nothing`);
    const pipe = this.#pipe(mostVariables);
    if (this.#at < this.#words.length) throw new TemplateError(`a ${this.#words[this.#at]!.text} too many`);
    return pipe;
  }

  #pipe(mostVariables: number): Pipe {
    const { variables, assigns } = this.#declared(mostVariables);
    const calls = [this.#call()];
    while (this.#is("|")) {
      this.#at++;
      calls.push(this.#call());
    }
    return { variables, assigns, calls };
  }

  /** `$x :=`, `$x =`, `$key, $value :=`, or nothing. */
  #declared(most: number): { variables: string[]; assigns: boolean } {
    const start = this.#at;
    const variables: string[] = [];
    while (this.#words[this.#at]?.kind === "variable" && variables.length < most) {
      variables.push(this.#words[this.#at++]!.text);
      if (!this.#is(",")) break;
      this.#at++;
    }
    const assigns = this.#is("=");
    if (variables.length > 0 && (assigns || this.#is(":="))) {
      this.#at++;
      if (assigns) for (const name of variables) this.#known(name);
      return { variables, assigns };
    }
    this.#at = start;
    return { variables: [], assigns: false };
  }

  #call(): Call {
    const operands: Operand[] = [];
    while (this.#at < this.#words.length && !this.#is("|") && !this.#is(")")) operands.push(this.#operand());
    const [head, ...args] = operands;
    if (head === undefined) throw new TemplateError("an empty part beside | or in ()");
    return { head, args };
  }

  #operand(): Operand {
    const word = this.#words[this.#at++]!;
    let operand = this.#first(word);
    while (this.#words[this.#at]?.kind === "field" && this.#words[this.#at]!.glued)
      operand = { kind: "field", of: operand, name: this.#words[this.#at++]!.text };
    return operand;
  }

  #first(word: Word): Operand {
    switch (word.kind) {
      case "constant":
        return { kind: "constant", value: word.value };
      case "dot":
        return { kind: "dot" };
      case "field":
        return { kind: "field", of: { kind: "dot" }, name: word.text };
      case "variable":
        this.#known(word.text);
        return { kind: "variable", name: word.text };
      case "name":
        if (!functionNames.includes(word.text)) throw noFunction(word.text);
        return { kind: "function", name: word.text };
      case "sign": {
        if (word.text !== "(") throw new TemplateError(`a ${word.text} too many`);
        const pipe = this.#pipe(0);
        if (!this.#is(")")) throw new TemplateError("a ( without )");
        this.#at++;
        return { kind: "pipe", pipe };
      }
    }
  }

  #is(sign: string): boolean {
    const word = this.#words[this.#at];
    return word?.kind === "sign" && word.text === sign;
  }

  /** `$` alone is the value that the template is for. */
  #known(name: string): void {
    if (name !== "" && !this.#variables.includes(name)) throw new TemplateError(`$${name} has no value`);
  }
}

function noFunction(name: string): TemplateError {
  const like = nearest(name, functionNames);
  const near = like === undefined ? "" : `did you mean ${like}? `;
  return new TemplateError(
    `there is no function ${name}`,
    `${near}functions are ${functionNames.join(", ")}`,
  );
}
