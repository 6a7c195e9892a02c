import { StrakeError } from "../../errors/index.ts";
import type { Flag, Instruction } from "../ast.ts";
import { skippedChecks } from "../directives.ts";
import { type FlagKind, type FlagValues, readFlags } from "../flag-values.ts";
import { rangeOf } from "../logical-lines.ts";
import type { RawInstruction } from "../raw-instruction.ts";

/** What the reader of one instruction gets. */
export interface Request {
  readonly raw: RawInstruction;
  /** Upper-case name, for messages. */
  readonly name: string;
  readonly file: string;
  readonly escape: string;
}

/** The fields every instruction has. */
export type InstructionBase = Pick<
  Instruction,
  "range" | "keyword" | "original" | "flags" | "comments" | "skippedChecks"
>;

/** Checks the flags and makes the fields that every instruction has. */
export function begin(
  { raw, file }: Request,
  known: Readonly<Record<string, FlagKind>> = {},
): { base: InstructionBase; values: FlagValues } {
  const values = readFlags(raw, known, file);
  return { base: baseOf(raw, file, values.flags), values };
}

function baseOf(raw: RawInstruction, file: string, flags: readonly Flag[]): InstructionBase {
  const { line, start } = raw;
  const own = rangeOf(line, file, start, line.text.length);
  const last = raw.heredocs.at(-1)?.range.endLine;
  return {
    range:
      last === undefined
        ? own
        : { file, startLine: own.startLine, startColumn: own.startColumn, endLine: last, endColumn: 0 },
    keyword: raw.keyword,
    original: line.text.slice(start).trim(),
    flags,
    comments: line.comments,
    skippedChecks: skippedChecks(line.comments),
  };
}

export function syntaxError(message: string, hint?: string): StrakeError {
  return new StrakeError("DOCKERFILE_SYNTAX", message, { hint });
}

/** The only argument. Throws `DOCKERFILE_SYNTAX` when there is none. */
export function onlyArgument({ raw, name }: Request): string {
  if (raw.args.length !== 1) throw syntaxError(`${name} requires exactly one argument`);
  return raw.args[0]!;
}

/** Throws `DOCKERFILE_SYNTAX` when there is no argument. */
export function requireArguments({ raw, name }: Request): void {
  if (raw.args.length === 0) throw syntaxError(`${name} requires at least one argument`);
}

/** Text of the comment line `# <name> text` above an instruction. */
export function descriptionOf(comments: readonly string[], name: string | undefined): string | undefined {
  if (!name) return undefined;
  const line = comments.find((comment) => comment.startsWith(`${name} `));
  return line?.slice(name.length + 1);
}
