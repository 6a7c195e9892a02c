import { nearest, StrakeError } from "../errors/index.ts";
import type { CommandSpec } from "./command.ts";
import { parseWords } from "./parse.ts";

export interface Found {
  readonly spec: CommandSpec;
  /** The words behind the command's name. */
  readonly rest: readonly string[];
}

/** Every name a command answers to. */
export function namesOf(spec: CommandSpec): readonly string[] {
  return [spec.name, ...(spec.aliases ?? [])];
}

/** The command of two of one name that the words fit. */
function meant(specs: readonly CommandSpec[], found: Found): Found {
  const other = specs.find(({ name }) => name === found.spec.orWithMore);
  if (other === undefined || fits(found.spec, found.rest) || !fits(other, found.rest)) return found;
  return { spec: other, rest: found.rest };
}

function fits(spec: CommandSpec, words: readonly string[]): boolean {
  try {
    parseWords(spec, words);
    return true;
  } catch {
    return false;
  }
}

/** The command that the words begin with: two words first, then one. Throws USAGE with the nearest name. */
export function findCommand(specs: readonly CommandSpec[], words: readonly string[]): Found {
  for (const length of [2, 1]) {
    if (words.length < length) continue;
    const name = words.slice(0, length).join(" ");
    const spec = specs.find((candidate) => namesOf(candidate).includes(name));
    if (spec !== undefined) return meant(specs, { spec, rest: words.slice(length) });
  }
  const [first = "", second] = words;
  const names = specs.filter((spec) => !spec.hidden).flatMap(namesOf);
  const inGroup = names
    .filter((name) => name.startsWith(`${first} `))
    .map((name) => name.slice(first.length + 1));
  if (inGroup.length > 0) {
    const near = second === undefined ? undefined : nearest(second, inGroup);
    throw new StrakeError(
      "USAGE",
      second === undefined
        ? `strake ${first} needs a command: ${inGroup.sort().join(", ")}`
        : `strake ${first} has no command ${JSON.stringify(second)}`,
      {
        hint: near === undefined ? `see strake ${first} --help` : `did you mean strake ${first} ${near}?`,
      },
    );
  }
  const near = nearest(first, [...new Set(names.map((name) => name.split(" ")[0]!))]);
  throw new StrakeError("USAGE", `${JSON.stringify(first)} is not a strake command`, {
    hint: near === undefined ? "strake help lists the commands" : `did you mean strake ${near}?`,
  });
}
