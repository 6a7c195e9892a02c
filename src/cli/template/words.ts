/** A word of an action `{{…}}`. */
export interface Word {
  readonly kind: "constant" | "name" | "variable" | "field" | "dot" | "sign";
  /** A field without its dot, a variable without its `$`, a sign as it is. */
  readonly text: string;
  readonly value?: unknown;
  /** No blank before it: `.A` right behind `)` or `$x` belongs to that. */
  readonly glued: boolean;
}

const shapes: readonly (readonly [RegExp, (text: string) => Omit<Word, "glued">])[] = [
  [/"(?:[^"\\\n]|\\.)*"/y, (text) => ({ kind: "constant", text, value: unquote(text) })],
  [/`[^`]*`/y, (text) => ({ kind: "constant", text, value: text.slice(1, -1) })],
  [/[-+]?\d+(?:\.\d+)?/y, (text) => ({ kind: "constant", text, value: Number(text) })],
  [/(?:true|false|nil)\b/y, (text) => ({ kind: "constant", text, value: constants[text] })],
  [/\$\w*/y, (text) => ({ kind: "variable", text: text.slice(1) })],
  [/\.[A-Za-z_]\w*/y, (text) => ({ kind: "field", text: text.slice(1) })],
  [/\./y, (text) => ({ kind: "dot", text })],
  [/[A-Za-z_]\w*/y, (text) => ({ kind: "name", text })],
  [/:=|[=|(),]/y, (text) => ({ kind: "sign", text })],
];
const constants: Readonly<Record<string, unknown>> = { true: true, false: false, nil: null };

/** The words of an action; a string that says why where it is none. */
export function wordsOf(action: string): Word[] | string {
  const words: Word[] = [];
  let at = 0;
  let glued = false;
  while (at < action.length) {
    if (/\s/.test(action[at]!)) {
      at++;
      glued = false;
      continue;
    }
    const word = wordAt(action, at);
    if (word === undefined)
      return action[at] === "-" && glued
        ? `names with a - are written as (index .Map "${action.split(/[\s.]/).find((part) => part.includes("-"))}")`
        : `${JSON.stringify(action[at])} is not expected in {{${action}}}`;
    words.push({ ...word.word, glued });
    at = word.end;
    glued = true;
  }
  return words;
}

function wordAt(action: string, at: number): { word: Omit<Word, "glued">; end: number } | undefined {
  for (const [pattern, make] of shapes) {
    pattern.lastIndex = at;
    const match = pattern.exec(action);
    if (match) return { word: make(match[0]), end: at + match[0].length };
  }
  return undefined;
}

function unquote(text: string): string {
  try {
    return JSON.parse(text);
  } catch {
    return text.slice(1, -1);
  }
}
