import { familiarReference, parseReference } from "../../oci/index.ts";
import type { Handler } from "../command.ts";
import { openDisplay } from "../render/show.ts";
import type { loadFlags } from "../spec/images.ts";
import { openInput } from "./input.ts";

export const load: Handler<typeof loadFlags> = async (cli, { flags }) => {
  const source = openInput(cli, flags.input);
  const engine = await cli.engine();
  const display = openDisplay(cli, flags.progress ?? (cli.terminal.stderr ? "auto" : "quiet"), flags.quiet);
  let loaded: Awaited<ReturnType<typeof engine.load>>;
  try {
    loaded = await engine.load({
      source,
      ...(flags.platform === undefined ? {} : { platform: flags.platform }),
      tags: flags.tag,
      signal: cli.signal,
      emit: display.emit,
    });
  } finally {
    display.end();
  }
  if (!flags.quiet)
    for (const { image, tags } of loaded) {
      if (tags.length === 0) cli.print(`Loaded image ID: ${image.id}\n`);
      for (const tag of tags) cli.print(`Loaded image: ${familiarReference(parseReference(tag))}\n`);
    }
  return 0;
};
