import type { Handler } from "../command.ts";
import type { stopFlags } from "../spec/containers.ts";
import { forEachName } from "./each.ts";
import { failure } from "./start.ts";
import { stopOptions } from "./stop.ts";

export const restart: Handler<typeof stopFlags> = async (cli, { args, flags }) => {
  const containers = await (await cli.engine()).containers();
  return failure(
    await forEachName(cli, args, async (name) => {
      await containers.restart(name, stopOptions(flags));
      return undefined;
    }),
  );
};
