import { nearest, StrakeError } from "../../errors/index.ts";

/**
 * The part of Go's templates that Docker users write: `{{.Field}}`, `{{.A.B}}`, `{{json .}}`, `{{json .A}}`,
 * `{{index .Labels "key"}}`, `{{len .A}}`, `{{upper .A}}`, `{{lower .A}}`, `{{join .A ","}}`, `{{range .A}}…{{end}}`,
 * `{{if .A}}…{{else}}…{{end}}`, `{{println .A}}` and `|` between functions. Throws USAGE.
 */
export function compileTemplate(text: string): (value: unknown) => string {
  const tokens = tokenize(unescapeWhitespace(text));
  const { nodes, rest } = parseNodes(tokens, 0, text);
  if (rest < tokens.length) throw bad(text, `an ${tokens[rest]!.text} too many`);
  return (value) => render(nodes, value, value);
}

/** As `compileTemplate`, for the rows of a list. Errors: USAGE also for a field that no row has. */
export function compileRowTemplate(text: string, known: readonly string[]): (row: unknown) => string {
  const wrong = fieldsOf(text).find((field) => !known.includes(field));
  if (wrong !== undefined) {
    const like = nearest(wrong, known);
    const near = like === undefined ? "" : `did you mean .${like}? `;
    throw new StrakeError("USAGE", `--format: a row has no field .${wrong}`, {
      hint: `${near}the fields are ${known.map((field) => `.${field}`).join(" ")}`,
    });
  }
  return compileTemplate(text);
}

/** The fields of the value itself that a template names, so that a misspelt one is found where there is no value yet. */
export function fieldsOf(text: string): string[] {
  return [...text.matchAll(/\{\{([\s\S]*?)\}\}/g)].flatMap(([, action]) => {
    const plain = action!.replace(/"(?:[^"\\]|\\.)*"|`[^`]*`/g, '""');
    return [...plain.matchAll(/(?<![\w.])\.([A-Za-z]\w*)/g)].map(([, field]) => field!);
  });
}

interface Token {
  readonly kind: "text" | "action";
  readonly text: string;
}

type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "print"; readonly pipe: Pipe }
  | { readonly kind: "range" | "if"; readonly pipe: Pipe; readonly body: Node[]; readonly otherwise: Node[] };

/** Calls from left to right; each gets the result of the one before as its last argument. */
type Pipe = readonly (readonly string[])[];

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  for (const match of text.matchAll(/\{\{(- )?([\s\S]*?)( -)?\}\}/g)) {
    let before = text.slice(at, match.index);
    if (match[1]) before = before.trimEnd();
    if (before !== "") tokens.push({ kind: "text", text: before });
    tokens.push({ kind: "action", text: match[2]!.trim() });
    at = match.index + match[0].length;
    if (match[3]) at += text.slice(at).length - text.slice(at).trimStart().length;
  }
  if (text.slice(at).includes("{{")) throw bad(text, "{{ without }}");
  if (at < text.length) tokens.push({ kind: "text", text: text.slice(at) });
  return tokens;
}

function parseNodes(tokens: readonly Token[], start: number, text: string): { nodes: Node[]; rest: number } {
  const nodes: Node[] = [];
  let i = start;
  while (i < tokens.length) {
    const token = tokens[i]!;
    if (token.kind === "text") {
      nodes.push({ kind: "text", text: token.text });
      i++;
      continue;
    }
    if (token.text === "end" || token.text === "else") break;
    const block = /^(range|if)\s+([\s\S]+)$/.exec(token.text);
    if (block === null) {
      nodes.push({ kind: "print", pipe: parsePipe(token.text, text) });
      i++;
      continue;
    }
    const body = parseNodes(tokens, i + 1, text);
    let otherwise: Node[] = [];
    i = body.rest;
    if (tokens[i]?.text === "else") {
      const other = parseNodes(tokens, i + 1, text);
      otherwise = other.nodes;
      i = other.rest;
    }
    if (tokens[i]?.text !== "end") throw bad(text, `a ${block[1]} without {{end}}`);
    i++;
    nodes.push({
      kind: block[1] as "range" | "if",
      pipe: parsePipe(block[2]!, text),
      body: body.nodes,
      otherwise,
    });
  }
  return { nodes, rest: i };
}

const functions: Readonly<Record<string, (...args: unknown[]) => unknown>> = {
  json: (value) => JSON.stringify(value ?? null),
  len: (value) => (value === undefined || value === null ? 0 : Object.keys(value as object).length),
  upper: (value) => String(value).toUpperCase(),
  lower: (value) => String(value).toLowerCase(),
  title: (value) => String(value).replace(/\b\w/g, (letter) => letter.toUpperCase()),
  join: (list, separator) => (Array.isArray(list) ? list : []).join(String(separator)),
  split: (value, separator) => String(value).split(String(separator)),
  println: (...values) => `${values.map(show).join(" ")}\n`,
  print: (...values) => values.map(show).join(""),
  printf: (format, ...values) => {
    let next = 0;
    return String(format).replace(/%([sdvq%])/g, (_, verb) =>
      verb === "%" ? "%" : verb === "q" ? JSON.stringify(show(values[next++])) : show(values[next++]),
    );
  },
  index: (value, ...keys) => keys.reduce((from, key) => member(from, String(key)), value),
  slice: (value, from, to) =>
    (value as string).slice(Number(from), to === undefined ? undefined : Number(to)),
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  not: (value) => !truthy(value),
};

function parsePipe(action: string, text: string): Pipe {
  const words = action.match(/"(?:[^"\\]|\\.)*"|`[^`]*`|\||\(|\)|[^\s|()]+/g) ?? [];
  if (words.length === 0) throw bad(text, "an empty {{}}");
  const calls: string[][] = [[]];
  for (const word of words) {
    if (word === "(" || word === ")") throw bad(text, "parentheses are not supported");
    if (word === "|") calls.push([]);
    else calls.at(-1)!.push(word);
  }
  for (const [head] of calls) {
    if (head === undefined) throw bad(text, "an empty part beside |");
    if (/^[A-Za-z_]/.test(head) && !Object.hasOwn(functions, head))
      throw bad(text, `there is no function ${head}`, `functions are ${Object.keys(functions).join(", ")}`);
  }
  return calls;
}

function render(nodes: readonly Node[], dot: unknown, root: unknown): string {
  let out = "";
  for (const node of nodes) {
    if (node.kind === "text") out += node.text;
    else if (node.kind === "print") out += show(evaluate(node.pipe, dot, root));
    else {
      const value = evaluate(node.pipe, dot, root);
      if (node.kind === "if") out += render(truthy(value) ? node.body : node.otherwise, dot, root);
      else if (!truthy(value)) out += render(node.otherwise, dot, root);
      else for (const item of Object.values(value as object)) out += render(node.body, item, root);
    }
  }
  return out;
}

function evaluate(pipe: Pipe, dot: unknown, root: unknown): unknown {
  let value: unknown;
  for (const [position, words] of pipe.entries()) {
    const [head, ...rest] = words as [string, ...string[]];
    const args = rest.map((word) => operand(word, dot, root));
    if (position > 0) args.push(value);
    value = Object.hasOwn(functions, head) ? functions[head]!(...args) : operand(head, dot, root);
  }
  return value;
}

function operand(word: string, dot: unknown, root: unknown): unknown {
  if (word.startsWith('"')) return JSON.parse(word);
  if (word.startsWith("`")) return word.slice(1, -1);
  if (/^-?[0-9]/.test(word)) return Number(word);
  if (word === "true" || word === "false") return word === "true";
  const from = word.startsWith("$") ? root : dot;
  const path = word.replace(/^\$/, "").split(".").filter(Boolean);
  return path.reduce<unknown>((value, key) => member(value, key), from);
}

/** Own fields only: a template must not reach a prototype. Names match as Go's, else without regard to case. */
function member(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  if (Object.hasOwn(value, key)) return (value as Record<string, unknown>)[key];
  const twin = Object.keys(value).find((name) => name.toLowerCase() === key.toLowerCase());
  return twin === undefined ? undefined : (value as Record<string, unknown>)[twin];
}

function truthy(value: unknown): boolean {
  if (value === undefined || value === null || value === "" || value === 0 || value === false) return false;
  return typeof value !== "object" || Object.keys(value).length > 0;
}

/** As Go's fmt prints: lists in brackets, maps as `map[k:v]`, nothing as `<no value>`. */
function show(value: unknown): string {
  if (value === undefined) return "<no value>";
  if (value === null) return "<nil>";
  if (Array.isArray(value)) return `[${value.map(show).join(" ")}]`;
  if (typeof value === "object")
    return `map[${Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => `${key}:${show(item)}`)
      .join(" ")}]`;
  return String(value);
}

/** Shells hand over `\t` and `\n` as two characters; Docker reads them as one. */
function unescapeWhitespace(text: string): string {
  return text.replaceAll("\\t", "\t").replaceAll("\\n", "\n");
}

function bad(text: string, why: string, hint?: string): StrakeError {
  return new StrakeError("USAGE", `the template ${JSON.stringify(text)} makes no sense: ${why}`, {
    ...(hint === undefined ? {} : { hint }),
  });
}
