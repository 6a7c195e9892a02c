import { createReadStream, statSync } from "node:fs";
import { resolve } from "node:path";
import { StrakeError } from "../../errors/index.ts";
import type { Cli } from "../cli.ts";

/** The bytes of a file, or of stdin for `-` and for no name. Errors: USAGE. */
export function openInput(cli: Cli, name: string | undefined): AsyncIterable<Uint8Array> {
  if (name !== undefined && name !== "-") {
    const path = resolve(cli.cwd, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat) throw new StrakeError("USAGE", `there is no file ${name}`);
    if (stat.isDirectory()) throw new StrakeError("USAGE", `${name} is a folder, not an archive`);
    return createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Uint8Array>;
  }
  if (cli.terminal.stdin)
    throw new StrakeError("USAGE", "an archive is not read from a terminal", {
      hint: "name a file, or redirect the input",
    });
  return Bun.stdin.stream() as unknown as AsyncIterable<Uint8Array>;
}
