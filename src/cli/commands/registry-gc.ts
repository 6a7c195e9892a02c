import { administerRegistry } from "../../engine/index.ts";
import { StrakeError } from "../../errors/index.ts";
import type { Handler } from "../command.ts";
import type { registryGCFlags } from "../spec/registry.ts";
import { humanSize } from "../text/human.ts";
import { printFacts } from "../text/list.ts";
import { placeOf } from "./registry-place.ts";

export const registryGC: Handler<typeof registryGCFlags> = async (cli, { flags }) => {
  await using opened = await administerRegistry({ ...placeOf(cli, flags), env: cli.env });
  const { administration, config } = opened;
  const { untagged, uploads } = config.collection;
  const report = await administration.collect({
    dryRun: flags["dry-run"],
    untagged: flags.untagged ? "collect" : untagged,
    ...{ uploads, signal: cli.signal },
  });
  if (!report)
    throw new StrakeError("REGISTRY_STORAGE_BUSY", "another collection is at work", {
      hint: "one that has died is taken over after a minute",
    });
  await printFacts(cli, report, flags.format, () => {
    const would = report.dryRun ? "would be " : "";
    const lines = [
      `${report.manifests.length} manifests ${would}removed, ${report.unlinked.length} blobs ${would}taken from their repositories`,
      `${report.condemned.length} blobs that no repository holds: they go after the grace period`,
      `${report.deleted.length} blobs ${would}deleted, ${humanSize(report.freed)} ${would}freed`,
      `${report.uploads} uploads ${would}given up, ${report.expired} entries of the trash ${would}expired`,
      ...report.unreadable.map(
        ({ repository, digest }) => `cannot be read, so nothing of ${repository} is taken: ${digest}`,
      ),
      ...(report.interrupted ? ["interrupted: the rest is left for the next time"] : []),
    ];
    return `${lines.join("\n")}\n`;
  });
  return report.unreadable.length > 0 ? 1 : 0;
};
