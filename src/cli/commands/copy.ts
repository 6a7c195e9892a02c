import { copyAllTags, copyBetween } from "../../engine/index.ts";
import { renderError, StrakeError } from "../../errors/index.ts";
import type { StrakeEvent } from "../../events/index.ts";
import type { Cli } from "../cli.ts";
import type { FlagValues, Handler } from "../command.ts";
import { openDisplay } from "../render/show.ts";
import type { copyFlags } from "../spec/remote.ts";
import { remoteOptions } from "./remote-options.ts";

export const copy: Handler<typeof copyFlags> = async (cli, { args, flags }) => {
  const [from = "", to = ""] = args;
  if (flags["all-tags"]) return await copyTags(cli, flags, { from, to });
  const display = openDisplay(cli, flags.progress);
  let digest: string;
  try {
    ({ digest } = await copyBetween(from, to, {
      ...remoteOptions(cli, flags),
      store: async () => (await cli.engine()).store,
      ...(flags.platform === undefined ? {} : { platform: flags.platform }),
      ...(flags.compression === undefined
        ? {}
        : { compression: flags.compression as "gzip" | "zstd" | "none" }),
      referrers: flags.referrers,
      emit: display.emit,
    }));
  } finally {
    display.end();
  }
  cli.print(`${digest}\n`);
  return 0;
};

/** Each tag has its own display, so that lines of tags do not fall into one that is being drawn. */
async function copyTags(
  cli: Cli,
  flags: FlagValues<typeof copyFlags>,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<number> {
  if (flags.compression !== undefined)
    throw new StrakeError("USAGE", "--all-tags copies layers as they are: it takes no --compression");
  const counts = { copied: 0, there: 0, failed: 0 };
  let first: StrakeError | undefined;
  let display = openDisplay(cli, flags.progress);
  try {
    for await (const result of copyAllTags(from, to, {
      ...remoteOptions(cli, flags),
      store: async () => (await cli.engine()).store,
      ...(flags.platform === undefined ? {} : { platform: flags.platform }),
      referrers: flags.referrers,
      emit: (event: StrakeEvent) => display.emit(event),
    })) {
      display.end();
      counts[result.outcome]++;
      if (result.outcome === "failed") {
        first ??= result.error;
        cli.note(`tag ${result.tag} was not copied: ${renderError(result.error)}\n`);
      } else {
        const note = result.outcome === "there" ? " (there already)" : "";
        cli.print(`${to}:${result.tag}: digest: ${result.digest}${note}\n`);
      }
      display = openDisplay(cli, flags.progress);
    }
  } finally {
    display.end();
  }
  cli.note(`${counts.copied} tags copied, ${counts.there} there already, ${counts.failed} failed\n`);
  return first?.exitCode ?? 0;
}
