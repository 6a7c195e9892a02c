import type { Handler } from "../command.ts";
import type { createFlags } from "../spec/run.ts";
import { createOptions } from "../text/create-options.ts";

export const create: Handler<typeof createFlags> = async (cli, { args, flags }) => {
  const engine = await cli.engine();
  cli.print(`${await engine.create(createOptions(cli, args, flags))}\n`);
  return 0;
};
