import type { CommandSpec, Completes, FlagSpec } from "../command.ts";
import { namesOf } from "../find-command.ts";

/** What the completion scripts are made from: every visible name with its command. */
export interface CompletionEntry {
  readonly name: string;
  readonly spec: CommandSpec;
}

export function completionEntries(specs: readonly CommandSpec[]): CompletionEntry[] {
  return specs
    .filter((spec) => !spec.hidden)
    .flatMap((spec) => namesOf(spec).map((name) => ({ name, spec })))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** First words, each once, with what they are. */
export function firstWords(entries: readonly CompletionEntry[]): Map<string, string> {
  const words = new Map<string, string>();
  for (const { name, spec } of entries) {
    const [first = "", second] = name.split(" ");
    if (second === undefined) words.set(first, spec.summary);
    else if (!words.has(first)) words.set(first, `commands on ${first}s`);
  }
  return words;
}

export function secondWords(entries: readonly CompletionEntry[], first: string): CompletionEntry[] {
  return entries.filter((entry) => entry.name.startsWith(`${first} `));
}

export function visibleFlags(spec: CommandSpec): [string, FlagSpec][] {
  return Object.entries(spec.flags).filter(([, flag]) => !flag.hidden);
}

/** What an argument of the command completes to; the first that says so counts. */
export function argumentKind(spec: CommandSpec): Completes {
  return spec.args.find((argument) => argument.completes !== undefined)?.completes ?? "none";
}

/** The command that lists the names of a kind. */
export const listers = {
  image: "strake images --format '{{.Repository}}:{{.Tag}}' 2>/dev/null",
  container: "strake ps -a --format '{{.Names}}' 2>/dev/null",
  "container path": "strake ps -a --format '{{.Names}}:' 2>/dev/null",
  volume: "strake volume ls -q 2>/dev/null",
} as const;

export type Listed = keyof typeof listers;

export function isListed(kind: Completes): kind is Listed {
  return Object.hasOwn(listers, kind);
}
