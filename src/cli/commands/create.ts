import type { Handler } from "../command.ts";
import type { createFlags } from "../spec/run.ts";
import { createOptions } from "../text/create-options.ts";
import { createOrPull, type PullPolicy } from "./create-or-pull.ts";

export const create: Handler<typeof createFlags> = async (cli, { args, flags }) => {
  const engine = await cli.engine();
  const request = createOptions(cli, args, flags);
  cli.print(
    `${await createOrPull(cli, engine, { request, policy: (flags.pull ?? "missing") as PullPolicy })}\n`,
  );
  return 0;
};
