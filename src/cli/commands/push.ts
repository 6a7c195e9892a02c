import { StrakeError } from "../../errors/index.ts";
import { type Compression, formatReference, parseReference } from "../../oci/index.ts";
import type { Cli } from "../cli.ts";
import type { FlagValues, Handler } from "../command.ts";
import { openDisplay } from "../render/show.ts";
import type { pushFlags } from "../spec/remote.ts";
import { remoteName } from "./remote-name.ts";
import { remoteOptions } from "./remote-options.ts";

export const push: Handler<typeof pushFlags> = async (cli, { args, flags }) => {
  const name = args[0]!;
  const target = args[1] && remoteName(args[1]);
  if (!flags["all-tags"]) {
    await pushOne(cli, flags, { name, ...(target === undefined ? {} : { target }) });
    return 0;
  }
  if (target !== undefined)
    throw new StrakeError("USAGE", "--all-tags pushes to where the tags say; it takes no target");
  for (const tag of await tagsOf(cli, name)) await pushOne(cli, flags, { name: tag });
  return 0;
};

/** All names of a repository that the store has. Errors: USAGE. */
async function tagsOf(cli: Cli, name: string): Promise<string[]> {
  const reference = parseReference(name);
  if (reference.tag !== undefined || reference.digest !== undefined)
    throw new StrakeError("USAGE", `--all-tags takes a repository, without a tag: ${name}`);
  const prefix = `${formatReference(reference)}:`;
  const tags = (await cli.engine()).images().flatMap(({ image }) => image.tags);
  const found = tags.filter((tag) => tag.startsWith(prefix)).sort();
  if (found.length === 0) throw new StrakeError("IMAGE_NOT_FOUND", `no image has a tag of ${name}`);
  return found;
}

async function pushOne(
  cli: Cli,
  flags: FlagValues<typeof pushFlags>,
  what: { readonly name: string; readonly target?: string },
): Promise<void> {
  const engine = await cli.engine();
  const display = openDisplay(cli, flags.progress, flags.quiet);
  let result: Awaited<ReturnType<typeof engine.push>>;
  try {
    result = await engine.push({
      ...remoteOptions(cli, flags),
      ...(flags.platform === undefined ? {} : { platform: flags.platform }),
      ...(flags.compression === undefined ? {} : { compression: flags.compression as Compression }),
      ...what,
      emit: display.emit,
    });
  } finally {
    display.end();
  }
  cli.print(
    flags.quiet
      ? `${result.digest}\n`
      : `${result.reference}: digest: ${result.digest} size: ${result.size}\n`,
  );
}
