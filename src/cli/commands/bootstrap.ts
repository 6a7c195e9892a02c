import type { Handler } from "../command.ts";
import { openDisplay } from "../render/show.ts";
import type { bootstrapFlags } from "../spec/images.ts";

export const bootstrap: Handler<typeof bootstrapFlags> = async (cli, { args, flags }) => {
  const engine = await cli.engine();
  const display = openDisplay(cli, flags.progress);
  try {
    const image = await engine.bootstrap({
      kind: args[0]!,
      tags: flags.tag,
      include: flags.include.flatMap((list) => list.split(",").filter(Boolean)),
      ...(flags.variant === undefined ? {} : { variant: flags.variant }),
      ...(flags.mirror === undefined ? {} : { mirror: flags.mirror }),
      pip: flags.pip,
      signal: cli.signal,
      emit: display.emit,
    });
    display.end();
    cli.print(`${image.id}\n`);
    return 0;
  } catch (error) {
    display.end();
    throw error;
  }
};
