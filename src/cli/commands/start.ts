import { StrakeError } from "../../errors/index.ts";
import type { Handler } from "../command.ts";
import type { startFlags } from "../spec/containers.ts";
import { forEachName } from "./each.ts";

export const start: Handler<typeof startFlags> = async (cli, { args, flags }) => {
  const containers = await (await cli.engine()).containers();
  if (!flags.attach && !flags.interactive)
    return await forEachName(cli, args, async (name) => {
      // One that runs is what was asked for, as with Docker.
      if (containers.get(name).state.status !== "running") await containers.start(name);
      return undefined;
    });
  if (args.length !== 1) throw new StrakeError("USAGE", "only one container can be attached to");
  cli.yieldSignals();
  return (await containers.startInForeground(args[0]!)).exitCode;
};
