import type { Handler } from "../command.ts";
import type { containerPruneFlags } from "../spec/containers.ts";
import { confirm } from "./confirm.ts";
import { forEachName } from "./each.ts";

export const containerPrune: Handler<typeof containerPruneFlags> = async (cli, { flags }) => {
  const containers = await (await cli.engine()).containers();
  const ended = containers.list().filter(({ state }) => state.status !== "running");
  if (!flags.force && !(await confirm(cli, `remove ${ended.length} containers that are not running?`)))
    return 1;
  return await forEachName(
    cli,
    ended.map(({ id }) => id),
    async (id) => {
      await containers.remove(id);
      return undefined;
    },
  );
};
