import { StrakeError } from "../../errors/index.ts";
import { type CommandSpec, commandGroups, type FlagSpec } from "../command.ts";
import { findCommand, namesOf } from "../find-command.ts";

/** The page for `strake`, for a group (`strake image`) or for one command. Throws USAGE. */
export function helpFor(specs: readonly CommandSpec[], words: readonly string[]): string {
  if (words.length === 0) return overview(specs);
  const name = words.join(" ");
  if (words.length === 1 && !specs.some((spec) => namesOf(spec).includes(name))) {
    const group = specs.filter((spec) => !spec.hidden && namesOf(spec).some((n) => n.startsWith(`${name} `)));
    if (group.length > 0) return groupPage(name, group);
  }
  const { spec, rest } = findCommand(specs, words);
  if (rest.length > 0)
    throw new StrakeError("USAGE", `there is no command ${JSON.stringify(name)}`, {
      hint: `see strake ${spec.name} --help`,
    });
  return commandPage(spec);
}

function overview(specs: readonly CommandSpec[]): string {
  const out = ["Usage: strake COMMAND", "", "Builds, stores, ships, inspects and runs container images.", ""];
  for (const group of commandGroups) {
    const members = specs.filter((spec) => spec.group === group && !spec.hidden);
    if (members.length === 0) continue;
    out.push(`${group}:`, ...aligned(members.map((spec) => [spec.name, spec.summary])), "");
  }
  out.push(
    "strake COMMAND --help says more about a command. strake help errors lists error codes,",
    "strake help environment the variables that it goes by.",
    "",
  );
  return out.join("\n");
}

function groupPage(name: string, members: readonly CommandSpec[]): string {
  const rows = members.map((spec): [string, string] => [
    namesOf(spec).find((candidate) => candidate.startsWith(`${name} `))!,
    spec.summary,
  ]);
  return [`Usage: strake ${name} COMMAND`, "", ...aligned(rows), ""].join("\n");
}

function commandPage(spec: CommandSpec): string {
  const out = [usageLine(spec), "", spec.summary, ""];
  if (spec.description) out.push(spec.description, "");
  if (spec.aliases?.length)
    out.push(`Also: ${spec.aliases.map((alias) => `strake ${alias}`).join(", ")}`, "");
  const flags = Object.entries(spec.flags).filter(([, flag]) => !flag.hidden);
  if (flags.length > 0)
    out.push("Flags:", ...aligned(flags.map(([name, flag]) => [flagWord(name, flag), flagHelp(flag)])), "");
  if (spec.examples?.length) out.push("Examples:", ...spec.examples.map((example) => `  ${example}`), "");
  return out.join("\n");
}

/** `Usage: strake tag IMAGE NAME`. */
export function usageLine(spec: CommandSpec): string {
  const args = spec.args.map(({ name, optional, repeat }) => {
    const word = repeat ? `${name}...` : name;
    return optional ? `[${word}]` : word;
  });
  const flags = Object.values(spec.flags).some((flag) => !flag.hidden) ? ["[FLAGS]"] : [];
  return ["Usage: strake", spec.name, ...flags, ...args].join(" ");
}

/** `-t, --tag NAME`. */
export function flagWord(name: string, flag: FlagSpec): string {
  const short = flag.short === undefined ? "    " : `-${flag.short}, `;
  return `${short}--${name}${flag.type === "boolean" ? "" : ` ${flag.value}`}`;
}

export function flagHelp(flag: FlagSpec): string {
  const notes: string[] = [];
  if (flag.type !== "boolean" && flag.choices !== undefined) notes.push(flag.choices.join("|"));
  if (flag.type === "strings") notes.push("may be repeated");
  if (flag.type !== "boolean" && flag.default !== undefined) notes.push(`default ${flag.default}`);
  return flag.help + (notes.length > 0 ? ` (${notes.join("; ")})` : "");
}

function aligned(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
