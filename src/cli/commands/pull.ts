import { listTags } from "../../engine/index.ts";
import { renderError, StrakeError } from "../../errors/index.ts";
import { familiarReference, formatReference, parseReference } from "../../oci/index.ts";
import type { Cli } from "../cli.ts";
import type { FlagValues, Handler } from "../command.ts";
import { openDisplay } from "../render/show.ts";
import type { pullFlags } from "../spec/remote.ts";
import { remoteName } from "./remote-name.ts";
import { remoteOptions } from "./remote-options.ts";

type PullFlags = FlagValues<typeof pullFlags>;

export const pull: Handler<typeof pullFlags> = async (cli, { args, flags }) => {
  let code = 0;
  for (const name of args.map(remoteName)) {
    if (flags["all-tags"]) code ||= await pullTags(cli, flags, name);
    else await pullOne(cli, flags, name);
  }
  return code;
};

/** Signatures and other artifacts have tags too: they are passed over. The exit code is that of the first tag that failed. */
async function pullTags(cli: Cli, flags: PullFlags, name: string): Promise<number> {
  const repository = parseReference(name);
  if (repository.tag !== undefined || repository.digest !== undefined)
    throw new StrakeError("USAGE", `--all-tags takes a repository, without a tag: ${name}`);
  let first: StrakeError | undefined;
  for (const tag of await Array.fromAsync(listTags(name, remoteOptions(cli, flags))))
    try {
      await pullOne(cli, flags, formatReference({ ...repository, tag }));
    } catch (error) {
      if (!(error instanceof StrakeError) || error.class === "canceled") throw error;
      const isArtifact = error.code === "MEDIA_TYPE_UNSUPPORTED";
      if (!isArtifact) first ??= error;
      cli.note(`tag ${tag} was ${isArtifact ? "passed over" : "not pulled"}: ${renderError(error)}\n`);
    }
  return first?.exitCode ?? 0;
}

async function pullOne(cli: Cli, flags: PullFlags, reference: string): Promise<void> {
  const engine = await cli.engine();
  const display = openDisplay(cli, flags.progress, flags.quiet);
  let result: Awaited<ReturnType<typeof engine.pull>>;
  try {
    result = await engine.pull({
      ...remoteOptions(cli, flags),
      ...(flags.platform === undefined ? {} : { platform: flags.platform }),
      reference,
      emit: display.emit,
    });
  } finally {
    display.end();
  }
  if (flags.quiet) return cli.print(`${result.image.id}\n`);
  const name = familiarReference(parseReference(result.reference));
  const status = result.isCurrent ? "Image is up to date for" : "Downloaded newer image for";
  cli.print(`Digest: ${result.digest}\nStatus: ${status} ${name}\n${result.reference}\n`);
}
