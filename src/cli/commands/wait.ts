import type { Handler } from "../command.ts";
import { forEachName } from "./each.ts";

export const wait: Handler<Record<never, never>> = async (cli, { args }) => {
  const containers = await (await cli.engine()).containers();
  return await forEachName(cli, args, async (name) => String(await containers.wait(name, cli.signal)));
};
