import { copyBetween } from "../../engine/index.ts";
import type { Handler } from "../command.ts";
import { openDisplay } from "../render/show.ts";
import type { copyFlags } from "../spec/remote.ts";
import { remoteOptions } from "./remote-options.ts";

export const copy: Handler<typeof copyFlags> = async (cli, { args, flags }) => {
  const [from = "", to = ""] = args;
  const display = openDisplay(cli, flags.progress);
  let digest: string;
  try {
    ({ digest } = await copyBetween(from, to, {
      ...remoteOptions(cli, flags),
      store: async () => (await cli.engine()).store,
      ...(flags.platform === undefined ? {} : { platform: flags.platform }),
      ...(flags.compression === undefined
        ? {}
        : { compression: flags.compression as "gzip" | "zstd" | "none" }),
      referrers: flags.referrers,
      emit: display.emit,
    }));
  } finally {
    display.end();
  }
  cli.print(`${digest}\n`);
  return 0;
};
