import { relative, resolve } from "node:path";
import { fetchArtifact, sendArtifact } from "../../engine/index.ts";
import type { Handler } from "../command.ts";
import { openDisplay } from "../render/show.ts";
import type { artifactFlags, artifactPullFlags } from "../spec/remote.ts";
import { artifactOf, showSent } from "./artifact-files.ts";
import { remoteName } from "./remote-name.ts";
import { remoteOptions } from "./remote-options.ts";

/** Of files of which nobody says what they are; oras's word for it, so that its users find the same. */
const unknownType = "application/vnd.unknown.artifact.v1";

export const artifactPush: Handler<typeof artifactFlags> = async (cli, { args, flags }) => {
  const [name = "", ...files] = args;
  const type = flags["artifact-type"] ?? unknownType;
  const artifact = await artifactOf(cli, files, { ...flags, "artifact-type": type });
  return await showSent(cli, flags, (options) => sendArtifact(remoteName(name), artifact, options));
};

export const artifactPull: Handler<typeof artifactPullFlags> = async (cli, { args, flags }) => {
  const display = openDisplay(cli, flags.progress);
  let files: readonly string[];
  try {
    ({ files } = await fetchArtifact({
      ...{
        name: remoteName(args[0]!),
        folder: resolve(cli.cwd, flags.output ?? "."),
        force: flags.force,
        emit: display.emit,
      },
      ...remoteOptions(cli, flags),
    }));
  } finally {
    display.end();
  }
  for (const file of files) cli.print(`${relative(cli.cwd, file)}\n`);
  return 0;
};
