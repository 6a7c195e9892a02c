import type { Handler } from "../command.ts";
import type { stopFlags } from "../spec/containers.ts";
import { forEachName } from "./each.ts";

export const stop: Handler<typeof stopFlags> = async (cli, { args, flags }) => {
  const containers = await (await cli.engine()).containers();
  return await forEachName(cli, args, async (name) => {
    await containers.stop(name, stopOptions(flags));
    return undefined;
  });
};

export function stopOptions(flags: {
  readonly time: number | undefined;
  readonly timeout: number | undefined;
  readonly signal: string | undefined;
}) {
  const timeout = flags.timeout ?? flags.time;
  return {
    ...(timeout === undefined ? {} : { timeout }),
    ...(flags.signal === undefined ? {} : { signal: flags.signal }),
  };
}
