import { StrakeError } from "../errors/index.ts";
import type { Heredoc, InstructionKind } from "./ast.ts";
import { isSpace, isWordBreak } from "./characters.ts";
import { parseJsonForm } from "./json-form.ts";
import type { LogicalLine } from "./logical-lines.ts";
import { quotedWords } from "./quoted-words.ts";
import { type RawFlag, splitCommand } from "./split-command.ts";

/** An instruction taken apart but not understood: what BuildKit's parser calls a node. */
export interface RawInstruction {
  /** As written. */
  readonly keyword: string;
  /** Undefined for a word that is no instruction. */
  readonly kind: InstructionKind | undefined;
  readonly flags: readonly RawFlag[];
  /** What follows the flags, blanks at both ends removed. */
  readonly rest: string;
  /** `rest` in the instruction's own words; ENV and LABEL give key, value and separator in turn. */
  readonly args: readonly string[];
  /** True when `args` came from a JSON array. */
  readonly json: boolean;
  /** The instruction behind ONBUILD. */
  readonly child?: RawInstruction;
  readonly line: LogicalLine;
  /** Offset of the keyword in the line. */
  readonly start: number;
  readonly heredocs: readonly Heredoc[];
}

type ArgumentForm = (rest: string, escapeCharacter: string, keyword: string) => Arguments;
interface Arguments {
  readonly args: readonly string[];
  readonly json?: boolean;
}

/** How each instruction reads what follows its flags. */
const argumentForms: Readonly<Record<Exclude<InstructionKind, "onbuild">, ArgumentForm>> = {
  from: blankSeparated,
  arg: (rest, escapeCharacter) => ({ args: quotedWords(rest, escapeCharacter) }),
  run: commandForm,
  cmd: commandForm,
  entrypoint: commandForm,
  shell: commandForm,
  copy: listForm,
  add: listForm,
  volume: listForm,
  env: keyValues,
  label: keyValues,
  workdir: wholeText,
  user: wholeText,
  stopsignal: wholeText,
  maintainer: wholeText,
  expose: blankSeparated,
  healthcheck: healthForm,
};

/** Upper-case names of all instructions. */
export const instructionNames: readonly string[] = [...Object.keys(argumentForms), "onbuild"].map((name) =>
  name.toUpperCase(),
);

/** Takes the instruction apart that starts at `from` in a logical line. Throws `DOCKERFILE_SYNTAX`. */
export function parseRawInstruction(line: LogicalLine, escapeCharacter: string, from = 0): RawInstruction {
  const { keyword, flags, rest, restStart } = splitCommand(line.text, from);
  const kind = kindOf(keyword);
  const common = { keyword, kind, flags, rest, line, start: from, heredocs: [] };
  if (kind === undefined) return { ...common, args: [], json: false };
  if (kind === "onbuild") {
    // ONBUILD ONBUILD is refused later; going deeper here would only feed hostile input.
    if (rest === "" || from > 0) return { ...common, args: [], json: false };
    return { ...common, args: [], json: false, child: parseRawInstruction(line, escapeCharacter, restStart) };
  }
  const { args, json = false } = argumentForms[kind](rest, escapeCharacter, kind.toUpperCase());
  return { ...common, args, json };
}

function kindOf(keyword: string): InstructionKind | undefined {
  const name = keyword.toLowerCase();
  return name === "onbuild" || Object.hasOwn(argumentForms, name) ? (name as InstructionKind) : undefined;
}

/** True for the instructions whose line may announce heredocs. */
export function mayHaveHeredocs(raw: RawInstruction): boolean {
  const target = raw.child ?? raw;
  return !target.json && (target.kind === "run" || target.kind === "copy" || target.kind === "add");
}

function wholeText(rest: string): Arguments {
  return { args: rest === "" ? [] : [rest] };
}

function blankSeparated(rest: string): Arguments {
  const args: string[] = [];
  let start = 0;
  for (let i = 0; i <= rest.length; i++) {
    if (i < rest.length && !isWordBreak(rest.charCodeAt(i))) continue;
    if (i > start) args.push(rest.slice(start, i));
    start = i + 1;
  }
  return { args };
}

function commandForm(rest: string): Arguments {
  const args = rest === "" ? undefined : parseJsonForm(rest);
  return args ? { args, json: true } : wholeText(rest);
}

function listForm(rest: string): Arguments {
  const args = parseJsonForm(rest);
  return args ? { args, json: true } : blankSeparated(rest);
}

function healthForm(rest: string): Arguments {
  let end = 0;
  while (end < rest.length && !isSpace(rest.charCodeAt(end))) end++;
  if (end === 0) return { args: [] };
  const { args, json = false } = commandForm(rest.slice(end).trimStart());
  return { args: [rest.slice(0, end), ...args], json };
}

/** `k=v k2=v2`, or the old `k the rest`: the first word decides. */
function keyValues(rest: string, escapeCharacter: string, keyword: string): Arguments {
  const words = quotedWords(rest, escapeCharacter);
  if (words.length === 0) return { args: [] };
  if (!words[0]!.includes("=")) {
    const match = /^([^\t\v\f\r ]*)[\t\v\f\r ]+/.exec(rest);
    if (!match)
      throw new StrakeError("DOCKERFILE_SYNTAX", `${keyword} must have two arguments`, {
        hint: `write ${keyword} ${rest.trim() || "name"}=value`,
      });
    return { args: [match[1]!, rest.slice(match[0].length), ""] };
  }
  const args: string[] = [];
  for (const word of words) {
    const equals = word.indexOf("=");
    if (equals < 0)
      throw new StrakeError(
        "DOCKERFILE_SYNTAX",
        `Syntax error - can't find = in "${word}". Must be of the form: name=value`,
      );
    args.push(word.slice(0, equals), word.slice(equals + 1), "=");
  }
  return { args };
}
