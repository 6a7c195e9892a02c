import { attachArtifact } from "../../engine/index.ts";
import type { Handler } from "../command.ts";
import type { artifactFlags } from "../spec/remote.ts";
import { artifactOf, showSent } from "./artifact-files.ts";
import { remoteName } from "./remote-name.ts";

export const artifactAttach: Handler<typeof artifactFlags> = async (cli, { args, flags }) => {
  const [name = "", ...files] = args;
  const artifact = await artifactOf(cli, files, flags);
  return await showSent(cli, flags, (options) => attachArtifact(remoteName(name), artifact, options));
};
