import type { ArgDefinition, ArgInstruction, EnvInstruction, KeyValue, LabelInstruction } from "../ast.ts";
import { begin, descriptionOf, type Request, requireArguments, syntaxError } from "./request.ts";

export function readEnv(request: Request): EnvInstruction {
  const { base } = begin(request);
  return { kind: "env", ...base, variables: keyValues(request) };
}

export function readLabel(request: Request): LabelInstruction {
  const { base } = begin(request);
  return { kind: "label", ...base, labels: keyValues(request) };
}

function keyValues(request: Request): KeyValue[] {
  requireArguments(request);
  const { args } = request.raw;
  const pairs: KeyValue[] = [];
  for (let i = 0; i < args.length; i += 3) {
    if (args[i] === "") throw syntaxError(`${request.name} names can not be blank`);
    pairs.push({ key: args[i]!, value: args[i + 1]!, legacy: args[i + 2] === "" });
  }
  return pairs;
}

/** `ARG NAME[=default] ...`. */
export function readArg(request: Request): ArgInstruction {
  const { base } = begin(request);
  requireArguments(request);
  return { kind: "arg", ...base, args: request.raw.args.map((word) => definition(word, base.comments)) };
}

function definition(word: string, comments: readonly string[]): ArgDefinition {
  const equals = word.indexOf("=");
  if (equals === 0) throw syntaxError("ARG names can not be blank");
  const name = equals < 0 ? word : word.slice(0, equals);
  const description = descriptionOf(comments, name);
  return {
    name,
    ...(equals >= 0 && { value: word.slice(equals + 1) }),
    ...(description !== undefined && { description }),
  };
}
