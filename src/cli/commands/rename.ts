import type { Handler } from "../command.ts";

export const rename: Handler<Record<never, never>> = async (cli, { args }) => {
  const containers = await (await cli.engine()).containers();
  containers.rename(args[0]!, args[1]!);
  return 0;
};
