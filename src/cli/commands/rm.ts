import { StrakeError } from "../../errors/index.ts";
import type { Handler } from "../command.ts";
import type { rmFlags } from "../spec/containers.ts";
import { forEachName } from "./each.ts";

export const rm: Handler<typeof rmFlags> = async (cli, { args, flags }) => {
  const containers = await (await cli.engine()).containers();
  const names = flags.force ? args.filter((name) => exists(() => containers.get(name))) : args;
  return await forEachName(cli, names, async (name) => {
    await containers.remove(name, { force: flags.force, volumes: flags.volumes });
    return undefined;
  });
};

/** `rm -f` of what is not there is fine, as in Docker and rm(1): scripts clean up with it. */
function exists(find: () => unknown): boolean {
  try {
    find();
    return true;
  } catch (error) {
    if (error instanceof StrakeError && error.code === "CONTAINER_NOT_FOUND") return false;
    throw error;
  }
}
