import { type CommandSpec, commandGroups } from "../command.ts";
import { environmentVariables } from "./environment.ts";
import { flagHelp, flagWord, usageLine } from "./help.ts";

/** docs/cli.md. A test compares the file with this; `npm run docs` writes it. */
export function cliReference(specs: readonly CommandSpec[]): string {
  const out = ["# Command line", "", "Made from the command specs in src/cli/spec by `npm run docs`.", ""];
  for (const group of commandGroups) {
    const members = specs.filter((spec) => spec.group === group && !spec.hidden);
    if (members.length === 0) continue;
    out.push(`## ${group}`, "");
    for (const spec of members) out.push(...section(spec));
  }
  out.push("## Environment", "", "| variable | meaning |", "|---|---|");
  for (const [name, meaning] of Object.entries(environmentVariables)) out.push(`| ${name} | ${meaning} |`);
  return `${out.join("\n").trimEnd()}\n`;
}

function section(spec: CommandSpec): string[] {
  const out = [
    `### strake ${spec.name}`,
    "",
    `${spec.summary}`,
    "",
    `    ${usageLine(spec).slice("Usage: ".length)}`,
    "",
  ];
  if (spec.description) out.push(spec.description, "");
  if (spec.aliases?.length)
    out.push(`Also: ${spec.aliases.map((alias) => `\`strake ${alias}\``).join(", ")}.`, "");
  const flags = Object.entries(spec.flags).filter(([, flag]) => !flag.hidden);
  if (flags.length > 0) {
    out.push("| flag | meaning |", "|---|---|");
    for (const [name, flag] of flags)
      out.push(`| \`${flagWord(name, flag).trim()}\` | ${flagHelp(flag).replaceAll("|", "\\|")} |`);
    out.push("");
  }
  if (spec.examples?.length) out.push(...spec.examples.map((example) => `    ${example}`), "");
  return out;
}
