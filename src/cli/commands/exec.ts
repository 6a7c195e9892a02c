import { StrakeError } from "../../errors/index.ts";
import type { Handler } from "../command.ts";
import type { execFlags } from "../spec/containers.ts";
import { variablesOf } from "../text/env-file.ts";

export const exec: Handler<typeof execFlags> = async (cli, { args, flags }) => {
  if (flags.tty && flags.interactive && !flags.detach && !cli.terminal.stdin)
    throw new StrakeError("USAGE", "-t needs a terminal, and stdin is none", {
      hint: "leave -t out when input comes from a pipe",
    });
  const [name = "", ...command] = args;
  const containers = await (await cli.engine()).containers();
  cli.yieldSignals();
  return await containers.exec(name, {
    args: command,
    env: variablesOf(cli, flags),
    ...(flags.workdir === undefined ? {} : { workingDir: flags.workdir }),
    ...(flags.user === undefined ? {} : { user: flags.user }),
    terminal: flags.tty,
    privileged: flags.privileged,
    detach: flags.detach,
    stdio: "inherit",
    openStdin: flags.interactive,
  });
};
