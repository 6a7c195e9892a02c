import { StrakeError, toStrakeError } from "../../errors/index.ts";
import type { Handler } from "../command.ts";
import type { startFlags } from "../spec/containers.ts";
import { forEachName } from "./each.ts";

export const start: Handler<typeof startFlags> = async (cli, { args, flags }) => {
  const containers = await (await cli.engine()).containers();
  if (!flags.attach && !flags.interactive)
    return failure(
      await forEachName(cli, args, async (name) => {
        // One that runs is what was asked for, as with Docker.
        if (containers.get(name).state.status !== "running") await containers.start(name);
        return undefined;
      }),
    );
  if (args.length !== 1) throw new StrakeError("USAGE", "only one container can be attached to");
  cli.yieldSignals();
  try {
    return (await containers.startInForeground(args[0]!)).exitCode;
  } catch (thrown) {
    const error = toStrakeError(thrown);
    throw error.with({ exitCode: failure(error.exitCode) });
  }
};

/** Docker's `start` and `restart` leave 125 to 127, which tell a container that failed from a command that did, to `run`. */
export const failure = (exitCode: number) => (exitCode >= 125 && exitCode <= 127 ? 1 : exitCode);
