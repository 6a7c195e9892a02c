import { listTags } from "../../engine/index.ts";
import { renderError, StrakeError, toStrakeError } from "../../errors/index.ts";
import { familiarName, familiarReference, parseReference } from "../../oci/index.ts";
import type { Cli } from "../cli.ts";
import type { FlagValues, Handler } from "../command.ts";
import { openDisplay } from "../render/show.ts";
import type { pullFlags } from "../spec/remote.ts";
import { remoteOptions } from "./remote-options.ts";

type PullFlags = FlagValues<typeof pullFlags>;

export const pull: Handler<typeof pullFlags> = async (cli, { args, flags }) => {
  for (const reference of args) {
    if (!flags["all-tags"]) await pullOne(cli, flags, reference);
    else {
      const code = await pullAll(cli, flags, reference);
      if (code !== 0) return code;
    }
  }
  return 0;
};

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
  const name = familiarReference(parseReference(result.reference));
  if (flags.quiet) cli.print(`${result.image.id}\n`);
  else {
    const status = result.isCurrent ? "Image is up to date for" : "Downloaded newer image for";
    cli.print(`Digest: ${result.digest}\nStatus: ${status} ${name}\n${result.reference}\n`);
  }
}

/** One that fails does not stop the others; the exit code is that of the first. Errors: USAGE, REGISTRY_*. */
async function pullAll(cli: Cli, flags: PullFlags, repository: string): Promise<number> {
  const { tag, digest, ...rest } = parseReference(repository);
  if (tag !== undefined || digest !== undefined)
    throw new StrakeError("USAGE", `--all-tags takes a repository, without a tag: ${repository}`);
  let first: StrakeError | undefined;
  for await (const each of listTags(repository, remoteOptions(cli, flags))) {
    const name = `${familiarName(rest)}:${each}`;
    try {
      await pullOne(cli, flags, name);
    } catch (thrown) {
      const error = toStrakeError(thrown);
      if (error.code === "CANCELED") throw error;
      // Signatures, attestations and other artifacts have tags too.
      if (error.code === "MEDIA_TYPE_UNSUPPORTED") cli.note(`${name} was passed over: ${error.message}\n`);
      else {
        first ??= error;
        cli.note(`${name} was not pulled: ${renderError(error)}\n`);
      }
    }
  }
  return first?.exitCode ?? 0;
}
