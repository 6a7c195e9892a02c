import { resolve } from "node:path";
import { writeArchiveFile } from "../../engine/index.ts";
import { StrakeError } from "../../errors/index.ts";
import type { Handler } from "../command.ts";
import { openDisplay } from "../render/show.ts";
import type { saveFlags } from "../spec/images.ts";

export const save: Handler<typeof saveFlags> = async (cli, { args, flags }) => {
  const toFile = flags.output !== undefined && flags.output !== "-";
  if (!toFile && cli.terminal.stdout)
    throw new StrakeError("USAGE", "an archive is not written to a terminal", {
      hint: "name a file with -o, or redirect the output",
    });
  const engine = await cli.engine();
  const display = openDisplay(cli, flags.progress ?? (toFile && cli.terminal.stderr ? "tty" : "quiet"));
  const options = {
    ...(flags.format === undefined ? {} : { format: flags.format as "docker" | "oci" }),
    ...(flags.compress === undefined ? {} : { compression: flags.compress as "none" | "gzip" | "zstd" }),
    signal: cli.signal,
    emit: display.emit,
  };
  try {
    if (!toFile) await engine.save(args, { ...options, sink: (chunk) => cli.print(chunk) });
    else
      await writeArchiveFile(resolve(cli.cwd, flags.output!), { replace: true }, (sink) =>
        engine.save(args, { ...options, sink }),
      );
  } finally {
    display.end();
  }
  return 0;
};
