import { attachArtifact } from "../../engine/index.ts";
import type { Handler } from "../command.ts";
import type { artifactFlags } from "../spec/remote.ts";
import { artifactOf } from "./artifact-files.ts";
import { remoteName } from "./remote-name.ts";
import { remoteOptions } from "./remote-options.ts";

export const artifactAttach: Handler<typeof artifactFlags> = async (cli, { args, flags }) => {
  const [name = "", ...files] = args;
  const descriptor = await attachArtifact(remoteName(name), await artifactOf(cli, files, flags), {
    ...remoteOptions(cli, flags),
    store: async () => (await cli.engine()).store,
  });
  cli.print(`${descriptor.digest}\n`);
  return 0;
};
