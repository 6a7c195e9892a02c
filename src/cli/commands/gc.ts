import type { Handler } from "../command.ts";
import type { gcFlags } from "../spec/machine.ts";
import { humanSize } from "../text/human.ts";
import { printFacts } from "../text/list.ts";

export const gc: Handler<typeof gcFlags> = async (cli, { flags }) => {
  const engine = await cli.engine();
  await (await engine.containers()).reconcile({ deep: true });
  const report = engine.store.gc({
    dryRun: flags["dry-run"],
    verify: flags.verify,
    ...(flags.cache ? { cache: { all: true } } : {}),
  });
  await printFacts(cli, report, flags.format, () => {
    const verb = flags["dry-run"] ? "would free" : "freed";
    const lines = [
      `${verb} ${humanSize(report.freed)}: ${report.layers.length} layers, ${report.blobs.length} blobs, ${report.cacheRecords.length} cache records, ${report.leftovers.length} leftovers`,
      ...report.leftovers.map(({ path }) => `leftover ${path}`),
      ...report.problems.map(({ message }) => `problem: ${message}`),
    ];
    if (flags.verify && report.problems.length === 0) lines.push("clean");
    return `${lines.join("\n")}\n`;
  });
  return report.problems.length > 0 ? 1 : 0;
};
