import { CallError, functions, member, truthy } from "./functions.ts";
import type { Call, Node, Operand, Pipe } from "./nodes.ts";
import { show } from "./show.ts";

/** Variables of a block and those around it. */
class Scope {
  readonly dot: unknown;
  readonly #around: Scope | undefined;
  readonly #own = new Map<string, unknown>();

  constructor(dot: unknown, around?: Scope) {
    this.dot = dot;
    this.#around = around;
  }

  get(name: string): unknown {
    return this.#own.has(name) ? this.#own.get(name) : this.#around?.get(name);
  }

  declare(name: string, value: unknown): void {
    this.#own.set(name, value);
  }

  assign(name: string, value: unknown): void {
    if (this.#own.has(name)) this.#own.set(name, value);
    else this.#around?.assign(name, value);
  }
}

interface Output {
  text: string;
}

/** Throws CallError for a function that cannot do with its arguments. */
export function renderNodes(nodes: readonly Node[], value: unknown): string {
  const scope = new Scope(value);
  scope.declare("", value);
  const output = { text: "" };
  run(nodes, scope, output);
  return output.text;
}

/** How a block ended: `break` and `continue` are for the range around it. */
type Ended = "break" | "continue" | undefined;

function run(nodes: readonly Node[], scope: Scope, output: Output): Ended {
  for (const node of nodes) {
    if (node.kind === "leave") return node.how;
    if (node.kind === "text") output.text += node.text;
    else if (node.kind === "print") {
      const value = resultOf(node.pipe, scope);
      if (node.pipe.variables.length > 0) store(node.pipe, value, scope);
      else output.text += show(value);
    } else {
      const ended = runBlock(node, scope, output);
      if (ended !== undefined) return ended;
    }
  }
  return undefined;
}

function runBlock(node: Extract<Node, { body: unknown }>, scope: Scope, output: Output): Ended {
  const value = resultOf(node.pipe, scope);
  if (!truthy(value)) return run(node.otherwise, inner(node.pipe, value, scope), output);
  if (node.kind === "if") return run(node.body, inner(node.pipe, value, scope), output);
  if (node.kind === "with") return run(node.body, inner(node.pipe, value, scope, value), output);
  for (const [key, item] of entriesOf(value)) {
    const each = new Scope(item, scope);
    const { variables } = node.pipe;
    if (variables.length === 2) store({ ...node.pipe, variables: [variables[0]!] }, key, each);
    if (variables.length > 0) store({ ...node.pipe, variables: [variables.at(-1)!] }, item, each);
    if (run(node.body, each, output) === "break") break;
  }
  return undefined;
}

function inner(pipe: Pipe, value: unknown, scope: Scope, dot = scope.dot): Scope {
  const made = new Scope(dot, scope);
  store(pipe, value, made);
  return made;
}

function store({ variables, assigns }: Pipe, value: unknown, scope: Scope): void {
  for (const name of variables) {
    if (assigns) scope.assign(name, value);
    else scope.declare(name, value);
  }
}

/** Of a list with numbers, of a map in the order of its keys. */
function entriesOf(value: unknown): [unknown, unknown][] {
  if (Array.isArray(value)) return [...value.entries()];
  if (typeof value !== "object" || value === null) throw new CallError(`range over ${show(value)}`);
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
}

function resultOf(pipe: Pipe, scope: Scope): unknown {
  let value: unknown;
  for (const [position, call] of pipe.calls.entries())
    value = callOf(call, scope, position > 0 ? [value] : []);
  return value;
}

function callOf({ head, args }: Call, scope: Scope, last: readonly unknown[]): unknown {
  if (head.kind === "function") {
    if (head.name === "and" || head.name === "or") return chosen(head.name === "or", args, scope, last);
    if (args.length + last.length === 0 && !/^print(ln)?$/.test(head.name))
      throw new CallError(`${head.name} without arguments`);
    return functions[head.name]!(...args.map((arg) => operand(arg, scope)), ...last);
  }
  const value = operand(head, scope);
  if (typeof value === "function") return value(...args.map((arg) => operand(arg, scope)), ...last);
  if (args.length + last.length > 0) {
    const name = head.kind === "field" ? `.${head.name}` : show(value);
    throw new CallError(`${name} is not a function and takes no arguments`);
  }
  return value;
}

/** `and` and `or` evaluate no more than they need: what is behind a test may stand on it. */
function chosen(wanted: boolean, args: readonly Operand[], scope: Scope, last: readonly unknown[]): unknown {
  let value: unknown;
  for (const arg of args) {
    value = operand(arg, scope);
    if (truthy(value) === wanted) return value;
  }
  return last.length > 0 ? last[0] : value;
}

function operand(of: Operand, scope: Scope): unknown {
  switch (of.kind) {
    case "constant":
      return of.value;
    case "dot":
      return scope.dot;
    case "variable":
      return scope.get(of.name);
    case "field":
      return member(operand(of.of, scope), of.name);
    case "pipe":
      return resultOf(of.pipe, scope);
    case "function":
      return callOf({ head: of, args: [] }, scope, []);
  }
}
