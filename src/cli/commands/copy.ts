import { copyRemote } from "../../engine/index.ts";
import type { Handler } from "../command.ts";
import { openDisplay } from "../render/show.ts";
import type { copyFlags } from "../spec/remote.ts";
import { remoteOptions } from "./remote-options.ts";

export const copy: Handler<typeof copyFlags> = async (cli, { args, flags }) => {
  const display = openDisplay(cli, flags.progress);
  const [from, to] = args.map((name) => name.replace(/^docker:\/\//, ""));
  let digest: string;
  try {
    ({ digest } = await copyRemote(from!, to!, {
      ...remoteOptions(cli, flags),
      ...(flags.platform === undefined ? {} : { platform: flags.platform }),
      referrers: flags.referrers,
      emit: display.emit,
    }));
  } finally {
    display.end();
  }
  cli.print(`${digest}\n`);
  return 0;
};
