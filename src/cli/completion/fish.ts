import type { CommandSpec } from "../command.ts";
import {
  argumentKind,
  completionEntries,
  firstWords,
  isListed,
  listers,
  secondWords,
  visibleFlags,
} from "./words.ts";

/** A completion script for fish: `strake completion fish > ~/.config/fish/completions/strake.fish`. */
export function fishCompletion(specs: readonly CommandSpec[]): string {
  const entries = completionEntries(specs);
  const out = [
    "# fish completion for strake: strake completion fish > ~/.config/fish/completions/strake.fish",
    "complete -c strake -f",
  ];
  for (const [word, summary] of firstWords(entries)) {
    out.push(`complete -c strake -n __fish_use_subcommand -a ${word} -d ${quote(summary)}`);
    const seconds = secondWords(entries, word);
    if (seconds.length === 0) continue;
    const names = seconds.map(({ name }) => name.split(" ")[1]!);
    const none = `"__fish_seen_subcommand_from ${word}; and not __fish_seen_subcommand_from ${names.join(" ")}"`;
    for (const { name, spec } of seconds)
      out.push(`complete -c strake -n ${none} -a ${name.split(" ")[1]} -d ${quote(spec.summary)}`);
  }
  for (const { name, spec } of entries) {
    const seen = name.split(" ").map((word) => `__fish_seen_subcommand_from ${word}`);
    // `artifact attach` is no `attach`.
    const groups = entries
      .filter((other) => other.name.endsWith(` ${name}`))
      .map((other) => other.name.split(" ")[0]);
    if (groups.length > 0) seen.push(`not __fish_seen_subcommand_from ${groups.join(" ")}`);
    const condition = `"${seen.join("; and ")}"`;
    for (const [flag, value] of visibleFlags(spec)) {
      const short = value.short === undefined ? "" : ` -s ${value.short}`;
      const takes =
        value.type === "boolean"
          ? ""
          : value.choices
            ? ` -x -a ${quote(value.choices.join(" "))}`
            : value.completes !== undefined && isListed(value.completes)
              ? ` -x -a ${quote(`(${listers[value.completes]})`)}`
              : " -r";
      out.push(`complete -c strake -n ${condition}${short} -l ${flag}${takes} -d ${quote(value.help)}`);
    }
    const kind = argumentKind(spec);
    if (isListed(kind)) out.push(`complete -c strake -n ${condition} -a ${quote(`(${listers[kind]})`)}`);
    if (kind === "file" || kind === "folder" || kind === "container path")
      out.push(`complete -c strake -n ${condition} -F`);
  }
  return `${out.join("\n")}\n`;
}

function quote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
