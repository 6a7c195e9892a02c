import { administerRegistry } from "../../engine/index.ts";
import { StrakeError } from "../../errors/index.ts";
import { repositoryPattern, timeSpan } from "../../registry/server/index.ts";
import type { FlagValues, Handler } from "../command.ts";
import type { registryRetainFlags } from "../spec/registry.ts";
import { ago } from "../text/human.ts";
import { printFacts } from "../text/list.ts";
import { placeOf } from "./registry-place.ts";

export const registryRetain: Handler<typeof registryRetainFlags> = async (cli, { flags }) => {
  const now = cli.now();
  const given = ruleOf(flags);
  await using opened = await administerRegistry({ ...placeOf(cli, flags), env: cli.env });
  const { administration, config } = opened;
  // Without rules of its own the command leaves it to those of the process that serves.
  const rules = given ? [given] : config.collection.retention;
  const report = await administration.retain(rules, { dryRun: flags["dry-run"], signal: cli.signal });
  if (rules === undefined && report.removed.length === 0)
    cli.note(
      "no rule was given: what the registry's own let go was looked for (collection.retention), if it has any\n",
    );
  await printFacts(cli, report, flags.format, () => {
    const verb = report.dryRun ? "would delete" : "deleted";
    const line = (word: string) => (tag: (typeof report.removed)[number]) =>
      `${word} ${tag.repository}:${tag.tag} (${tag.digest}, pushed ${ago(tag.pushedAt, now)})`;
    const lines = [
      ...report.removed.map(line(verb)),
      ...report.refused.map(line("immutable, kept:")),
      `${verb} ${report.removed.length} tags`,
      ...(cli.signal.aborted ? ["interrupted: the rest is left for the next time"] : []),
    ];
    return `${lines.join("\n")}\n`;
  });
  return 0;
};

function ruleOf(flags: FlagValues<typeof registryRetainFlags>) {
  const { repositories, tags, "keep-last": keepLast, "keep-within": within } = flags;
  if (keepLast === undefined && within === undefined) {
    if (repositories === undefined && tags === undefined) return undefined;
    throw new StrakeError("USAGE", "say what is kept: --keep-last, --keep-within or both");
  }
  if (repositories !== undefined) repositoryPattern({ value: repositories, path: "--repositories" });
  const keepWithin = within === undefined ? undefined : timeSpan(within, "--keep-within");
  return { repositories, tags, keepLast, keepWithin };
}
