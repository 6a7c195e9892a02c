import type { Compression } from "../../oci/index.ts";
import type { Handler } from "../command.ts";
import { openDisplay } from "../render/show.ts";
import type { pushFlags } from "../spec/remote.ts";
import { remoteOptions } from "./remote-options.ts";

export const push: Handler<typeof pushFlags> = async (cli, { args, flags }) => {
  const engine = await cli.engine();
  const display = openDisplay(cli, flags.progress, flags.quiet);
  let result: Awaited<ReturnType<typeof engine.push>>;
  try {
    result = await engine.push({
      ...remoteOptions(cli, flags),
      ...(flags.compression === undefined ? {} : { compression: flags.compression as Compression }),
      ...(args[1] === undefined ? {} : { target: args[1] }),
      name: args[0]!,
      emit: display.emit,
    });
  } finally {
    display.end();
  }
  cli.print(
    flags.quiet
      ? `${result.digest}\n`
      : `${result.reference}: digest: ${result.digest} size: ${result.size}\n`,
  );
  return 0;
};
