import type { Handler } from "../command.ts";

export const cleanup: Handler<Record<never, never>> = async (cli, { args }) => {
  const containers = await (await cli.engine()).containers();
  await containers.cleanup(args[0]!);
  return 0;
};
