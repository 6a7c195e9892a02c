import type { Handler } from "../command.ts";
import type { rmiFlags } from "../spec/images.ts";
import { forEachName } from "./each.ts";

export const rmi: Handler<typeof rmiFlags> = async (cli, { args, flags }) => {
  const engine = await cli.engine();
  return await forEachName(cli, args, (name) =>
    engine
      .removeImage(name, { force: flags.force })
      .map((change) => ("untagged" in change ? `Untagged: ${change.untagged}` : `Deleted: ${change.deleted}`))
      .join("\n"),
  );
};
