import { administerRegistry } from "../../engine/index.ts";
import type { Handler } from "../command.ts";
import type { registryScrubFlags } from "../spec/registry.ts";
import { humanSize } from "../text/human.ts";
import { printFacts } from "../text/list.ts";
import { placeOf } from "./registry-place.ts";

export const registryScrub: Handler<typeof registryScrubFlags> = async (cli, { flags }) => {
  await using opened = await administerRegistry({ ...placeOf(cli, flags), env: cli.env });
  const { administration } = opened;
  const report = await administration.scrub({ quarantine: flags.quarantine, signal: cli.signal });
  await printFacts(cli, report, flags.format, () => {
    const lines = report.damaged.map(({ digest, size, actual, quarantined }) => {
      const what = actual === undefined ? "cannot be read" : `is ${actual} now`;
      return `damaged: ${digest} (${humanSize(size)}) ${what}${quarantined ? ", set aside" : ""}`;
    });
    lines.push(
      `${report.blobs} blobs read, ${humanSize(report.bytes)}: ${report.damaged.length || "none"} damaged`,
    );
    return `${lines.join("\n")}\n`;
  });
  return report.damaged.length > 0 ? 1 : 0;
};
