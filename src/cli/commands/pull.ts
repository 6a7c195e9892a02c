import { familiarReference, parseReference } from "../../oci/index.ts";
import type { Handler } from "../command.ts";
import { openDisplay } from "../render/show.ts";
import type { pullFlags } from "../spec/remote.ts";
import { remoteOptions } from "./remote-options.ts";

export const pull: Handler<typeof pullFlags> = async (cli, { args, flags }) => {
  const engine = await cli.engine();
  for (const reference of args) {
    const display = openDisplay(cli, flags.progress, flags.quiet);
    let result: Awaited<ReturnType<typeof engine.pull>>;
    try {
      result = await engine.pull({
        ...remoteOptions(cli, flags),
        ...(flags.platform === undefined ? {} : { platform: flags.platform }),
        reference,
        emit: display.emit,
      });
    } finally {
      display.end();
    }
    const name = familiarReference(parseReference(result.reference));
    if (flags.quiet) cli.print(`${result.image.id}\n`);
    else {
      const status = result.isCurrent ? "Image is up to date for" : "Downloaded newer image for";
      cli.print(`Digest: ${result.digest}\nStatus: ${status} ${name}\n${result.reference}\n`);
    }
  }
  return 0;
};
