import type { Handler } from "../command.ts";
import type { attachFlags } from "../spec/containers.ts";

export const attach: Handler<typeof attachFlags> = async (cli, { args: [name = ""], flags }) => {
  const containers = await (await cli.engine()).containers();
  cli.yieldSignals();
  const keys = flags["detach-keys"];
  const { exitCode } = await containers.attach(name, {
    ...(keys === undefined ? {} : { detachKeys: keys }),
    signalProxy: flags["sig-proxy"] !== "false",
    noStdin: flags["no-stdin"],
  });
  return exitCode;
};
