import type { Handler } from "../command.ts";
import { openDisplay } from "../render/show.ts";
import type { importFlags } from "../spec/images.ts";
import { openInput } from "./input.ts";

export const importImage: Handler<typeof importFlags> = async (cli, { args, flags }) => {
  const [file = "-", name] = args;
  const source = openInput(cli, file);
  const engine = await cli.engine();
  const display = openDisplay(cli, flags.progress ?? "quiet");
  try {
    const image = await engine.import({
      source,
      sourceName: file,
      ...(name === undefined ? {} : { tag: name }),
      changes: flags.change,
      ...(flags.message === undefined ? {} : { message: flags.message }),
      ...(flags.platform === undefined ? {} : { platform: flags.platform }),
      signal: cli.signal,
      emit: display.emit,
    });
    cli.print(`${image.id}\n`);
  } finally {
    display.end();
  }
  return 0;
};
