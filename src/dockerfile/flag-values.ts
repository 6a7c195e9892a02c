import { didYouMean, StrakeError } from "../errors/index.ts";
import type { Flag } from "./ast.ts";
import { rangeOf } from "./logical-lines.ts";
import type { RawInstruction } from "./raw-instruction.ts";
import type { RawFlag } from "./split-command.ts";

/** `text` and `boolean` may be given once, `list` any number of times. */
export type FlagKind = "text" | "boolean" | "list";

/** Flags of one instruction, checked against what it knows. */
export interface FlagValues {
  readonly flags: readonly Flag[];
  text(name: string): string | undefined;
  boolean(name: string): boolean | undefined;
  list(name: string): readonly Flag[];
}

/**
 * Checks the flags of an instruction: each is known, given once unless it is a list, and has a value of its kind.
 * Booleans take `--x`, `--x=true` and `--x=false`.
 * Throws `DOCKERFILE_FLAG_UNKNOWN` with the nearest known name, or `DOCKERFILE_FLAG_INVALID`.
 */
export function readFlags(
  raw: RawInstruction,
  known: Readonly<Record<string, FlagKind>>,
  file: string,
): FlagValues {
  const flags = raw.flags.map((flag) => toFlag(flag, raw, file));
  if (flags.length === 0) return noFlags;
  const byName = new Map<string, Flag[]>();
  for (const flag of flags) {
    const kind = Object.hasOwn(known, flag.name) ? known[flag.name]! : undefined;
    if (kind === undefined)
      throw new StrakeError(
        "DOCKERFILE_FLAG_UNKNOWN",
        `unknown flag: --${flag.name}${didYouMean(flag.name, Object.keys(known))}`,
      );
    const given = byName.get(flag.name);
    if (given && kind !== "list") throw invalid(`duplicate flag specified: --${flag.name}`);
    if (given) given.push(flag);
    else byName.set(flag.name, [flag]);
    checkValue(flag, kind);
  }
  return {
    flags,
    text: (name) => byName.get(name)?.[0]?.value,
    boolean: (name) => {
      const flag = byName.get(name)?.[0];
      return flag && flag.value?.toLowerCase() !== "false";
    },
    list: (name) => byName.get(name) ?? [],
  };
}

const noFlags: FlagValues = {
  flags: [],
  text: () => undefined,
  boolean: () => undefined,
  list: () => [],
};

function checkValue(flag: Flag, kind: FlagKind): void {
  if (kind !== "boolean") {
    if (flag.value === undefined) throw invalid(`missing a value on flag: --${flag.name}`);
  } else if (flag.value === "") throw invalid(`missing a value on flag: --${flag.name}`);
  else if (flag.value !== undefined && !/^(true|false)$/i.test(flag.value))
    throw invalid(`expecting boolean value for flag --${flag.name}, not: ${flag.value}`);
}

function toFlag({ text, start, end }: RawFlag, raw: RawInstruction, file: string): Flag {
  const equals = text.indexOf("=");
  const range = rangeOf(raw.line, file, start, end);
  if (equals < 0) return { name: text.slice(2), range };
  return { name: text.slice(2, equals), value: text.slice(equals + 1), range };
}

function invalid(message: string): StrakeError {
  return new StrakeError("DOCKERFILE_FLAG_INVALID", message);
}
