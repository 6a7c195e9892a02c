import type { Handler } from "../command.ts";
import type { killFlags } from "../spec/containers.ts";
import { forEachName } from "./each.ts";

export const kill: Handler<typeof killFlags> = async (cli, { args, flags }) => {
  const containers = await (await cli.engine()).containers();
  return await forEachName(cli, args, (name) => {
    containers.kill(name, flags.signal);
    return undefined;
  });
};
