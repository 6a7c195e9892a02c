import type { Cli } from "./cli.ts";

/** What completion offers for a value, and what the reference calls it. */
export type Completes = "image" | "container" | "container path" | "volume" | "file" | "folder" | "none";

interface FlagBase {
  /** One letter. */
  readonly short?: string;
  readonly help: string;
  /** Not shown in help, completion and reference. */
  readonly hidden?: boolean;
}

interface BooleanFlag extends FlagBase {
  readonly type: "boolean";
}

interface ValueFlag extends FlagBase {
  /** `strings` may be repeated. */
  readonly type: "string" | "strings" | "number";
  /** Placeholder in help, for example `NAME`. */
  readonly value: string;
  readonly choices?: readonly string[];
  readonly completes?: Completes;
  /** Shown in help; the command itself applies it. */
  readonly default?: string;
}

export type FlagSpec = BooleanFlag | ValueFlag;
export type Flags = Readonly<Record<string, FlagSpec>>;

/** The parsed flags, by long name. Booleans are false and lists empty when absent. */
export type FlagValues<F extends Flags> = {
  readonly [K in keyof F]: F[K]["type"] extends "boolean"
    ? boolean
    : F[K]["type"] extends "strings"
      ? readonly string[]
      : F[K]["type"] extends "number"
        ? number | undefined
        : string | undefined;
};

export interface ArgumentSpec {
  /** As in help: `IMAGE`. */
  readonly name: string;
  readonly optional?: boolean;
  /** The last argument only. */
  readonly repeat?: boolean;
  readonly completes?: Completes;
}

export const commandGroups = [
  "Build and run",
  "Containers",
  "Images",
  "Registries",
  "Store and machine",
  "Strake",
] as const;
export type CommandGroup = (typeof commandGroups)[number];

export interface Input<F extends Flags> {
  readonly args: readonly string[];
  readonly flags: FlagValues<F>;
}

/** Does the command; the number, when there is one, is the exit code. */
export type Handler<F extends Flags> = (cli: Cli, input: Input<F>) => Promise<number | undefined>;

/** A command as data: parser, help, completion and docs/cli.md are all made from it. */
export interface CommandSpec<F extends Flags = Flags> {
  /** One or two words: `build`, `image prune`. */
  readonly name: string;
  /** Other names of the same command, as Docker's grouped commands have: `container ls` for `ps`. */
  readonly aliases?: readonly string[];
  /** The command that is meant where words fit it and not this one: docker and oras both have an `attach`. */
  readonly orWithMore?: string;
  readonly group: CommandGroup;
  /** One line. */
  readonly summary: string;
  readonly description?: string;
  readonly examples?: readonly string[];
  readonly args: readonly ArgumentSpec[];
  readonly flags: F;
  readonly hidden?: boolean;
  /** Everything behind the first argument belongs to the program that is run. */
  readonly stopsAtFirstArgument?: boolean;
  /** Exit code of strake's own failures where it differs from the error's: `run` has 125, as Docker. */
  readonly failureCode?: number;
  /** It has a runtime move a process into a control group; the kernel needs time for that, which begins before anything else. */
  readonly movesProcesses?: boolean;
  /** Loads the code; nothing else of the command is loaded before it is run. */
  readonly load: () => Promise<Handler<F>>;
}

/** Ties the handler's type to the flags. */
export function command<const F extends Flags>(spec: CommandSpec<F>): CommandSpec {
  return spec as unknown as CommandSpec;
}
