import type { Handler } from "../command.ts";

export const tag: Handler<Record<never, never>> = async (cli, { args }) => {
  (await cli.engine()).tag(args[0]!, args[1]!);
  return 0;
};
