import { nearest, StrakeError } from "../errors/index.ts";
import type { CommandSpec, FlagSpec, Flags, FlagValues } from "./command.ts";

export interface Parsed {
  readonly args: readonly string[];
  readonly flags: FlagValues<Flags>;
  readonly help: boolean;
}

/**
 * Reads a command's words by its spec, with the forms Docker's command line takes: `--name value`, `--name=value`,
 * `-n value`, `-nvalue`, `-abc` for booleans, `--flag=false`, `--` ends flags. Throws USAGE.
 */
export function parseWords(spec: CommandSpec, words: readonly string[]): Parsed {
  const values: Record<string, boolean | string | number | string[] | undefined> = {};
  for (const [name, flag] of Object.entries(spec.flags))
    values[name] = flag.type === "boolean" ? false : flag.type === "strings" ? [] : undefined;
  const args: string[] = [];
  let help = false;

  const set = (name: string, flag: FlagSpec, text: string) => {
    values[name] = settle(spec, name, flag, text, values[name]);
  };

  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word === "--") {
      args.push(...words.slice(i + 1));
      break;
    }
    if (word.length < 2 || !word.startsWith("-")) {
      if (spec.stopsAtFirstArgument && args.length + 1 >= requiredBeforeRest(spec)) {
        args.push(...words.slice(i));
        break;
      }
      args.push(word);
      continue;
    }
    if (word === "--help" || (word === "-h" && findShort(spec, "h") === undefined)) {
      help = true;
      continue;
    }
    if (word.startsWith("--")) {
      const equals = word.indexOf("=");
      const name = equals === -1 ? word.slice(2) : word.slice(2, equals);
      const flag = Object.hasOwn(spec.flags, name) ? spec.flags[name] : undefined;
      if (flag === undefined) throw unknownFlag(spec, `--${name}`);
      if (equals !== -1) set(name, flag, word.slice(equals + 1));
      else if (flag.type === "boolean") set(name, flag, "true");
      else set(name, flag, valueAfter(spec, words, ++i, `--${name}`));
      continue;
    }
    for (let at = 1; at < word.length; at++) {
      const found = findShort(spec, word[at]!);
      if (found === undefined) throw unknownFlag(spec, `-${word[at]}`, word.slice(1));
      const [name, flag] = found;
      const rest = word.slice(at + 1);
      if (flag.type === "boolean") {
        if (rest.startsWith("=")) {
          set(name, flag, rest.slice(1));
          break;
        }
        set(name, flag, "true");
        continue;
      }
      set(name, flag, rest !== "" ? rest.replace(/^=/, "") : valueAfter(spec, words, ++i, `-${flag.short}`));
      break;
    }
  }
  if (!help) checkArguments(spec, args);
  return { args, flags: values as FlagValues<Flags>, help };
}

/** The arguments strake itself reads before the program's own words begin: `run IMAGE …`, `exec CONTAINER …`. */
function requiredBeforeRest(spec: CommandSpec): number {
  return spec.args.findIndex((argument) => argument.repeat || argument.optional);
}

function findShort(spec: CommandSpec, letter: string): [string, FlagSpec] | undefined {
  return Object.entries(spec.flags).find(([, flag]) => flag.short === letter);
}

function valueAfter(spec: CommandSpec, words: readonly string[], index: number, flag: string): string {
  const value = words[index];
  if (value === undefined) throw usage(spec, `${flag} needs a value`);
  return value;
}

function settle(
  spec: CommandSpec,
  name: string,
  flag: FlagSpec,
  text: string,
  before: boolean | string | number | string[] | undefined,
): boolean | string | number | string[] {
  if (flag.type === "boolean") {
    if (["true", "1", "t", "T", "TRUE", "True"].includes(text)) return true;
    if (["false", "0", "f", "F", "FALSE", "False"].includes(text)) return false;
    throw usage(
      spec,
      `--${name} is a switch: it takes no value but true or false, not ${JSON.stringify(text)}`,
    );
  }
  if (flag.choices !== undefined && !flag.choices.includes(text))
    throw usage(
      spec,
      `--${name} does not take ${JSON.stringify(text)}`,
      `it takes one of ${flag.choices.join(", ")};`,
    );
  if (flag.type === "strings") return [...((before as string[]) ?? []), text];
  if (flag.type === "string") return text;
  const number = text.trim() === "" ? Number.NaN : Number(text);
  if (!Number.isFinite(number)) throw usage(spec, `--${name} needs a number, not ${JSON.stringify(text)}`);
  return number;
}

function checkArguments(spec: CommandSpec, args: readonly string[]): void {
  const required = spec.args.filter((argument) => !argument.optional).length;
  if (args.length < required) {
    const missing = spec.args.filter((argument) => !argument.optional)[args.length]?.name;
    throw usage(
      spec,
      `strake ${spec.name} needs ${missing ?? "an argument"}`,
      missing === "CONTEXT" ? `for this folder: strake ${spec.name} .;` : undefined,
    );
  }
  if (spec.args.at(-1)?.repeat !== true && args.length > spec.args.length)
    throw usage(
      spec,
      `strake ${spec.name} takes ${spec.args.length === 0 ? "no arguments" : spec.args.length === 1 ? "one argument" : `${spec.args.length} arguments at most`}: ${JSON.stringify(args[spec.args.length])} is one too many`,
    );
}

/** `letters`: the word it was found in, which may be a long name behind a single dash. */
function unknownFlag(spec: CommandSpec, flag: string, letters = ""): StrakeError {
  const name = flag.replace(/^-+/, "");
  const long = Object.hasOwn(spec.flags, letters) ? letters : undefined;
  const near = name.length > 1 ? nearest(name, Object.keys(spec.flags)) : long;
  return usage(
    spec,
    `strake ${spec.name} has no flag ${flag}`,
    near === undefined ? undefined : `did you mean --${near}?`,
  );
}

function usage(spec: CommandSpec, message: string, hint?: string): StrakeError {
  return new StrakeError("USAGE", message, {
    hint: `${hint === undefined ? "" : `${hint} `}see strake ${spec.name} --help`,
  });
}
