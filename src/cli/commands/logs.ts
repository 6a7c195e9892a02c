import { StrakeError } from "../../errors/index.ts";
import type { Handler } from "../command.ts";
import type { logsFlags } from "../spec/containers.ts";
import { parseTime } from "../text/time.ts";

export const logs: Handler<typeof logsFlags> = async (cli, { args, flags }) => {
  const containers = await (await cli.engine()).containers();
  const now = cli.now();
  const lines = containers.logs(args[0]!, {
    follow: flags.follow,
    ...(flags.tail === undefined || flags.tail === "all" ? {} : { tail: count(flags.tail) }),
    ...(flags.since === undefined ? {} : { since: parseTime(flags.since, now) }),
    ...(flags.until === undefined ? {} : { until: parseTime(flags.until, now) }),
    signal: cli.signal,
  });
  try {
    for await (const { stream, time, data } of lines) {
      const write = stream === "stdout" ? cli.print : (bytes: Uint8Array) => cli.note(bytes);
      write(flags.timestamps ? Buffer.concat([Buffer.from(`${time} `), data]) : data);
    }
  } catch (error) {
    // Ctrl-C is how one stops following.
    if (!(cli.signal.aborted && flags.follow)) throw error;
  }
  return 0;
};

function count(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new StrakeError("USAGE", `--tail takes a number or all, not ${JSON.stringify(text)}`);
}
