import { resolve } from "node:path";
import type { CopyPlace } from "../../container/index.ts";
import { StrakeError } from "../../errors/index.ts";
import type { Cli } from "../cli.ts";
import type { Handler } from "../command.ts";
import type { cpFlags } from "../spec/containers.ts";
import { openInput } from "./input.ts";

export const cp: Handler<typeof cpFlags> = async (cli, { args, flags }) => {
  const [source = "", target = ""] = args;
  const from = placeOf(cli, source);
  const to = placeOf(cli, target);
  const containers = await (await cli.engine()).containers();
  if ((from.container === undefined) === (to.container === undefined))
    throw new StrakeError("USAGE", "one side of cp is a container, the other is not", {
      hint:
        from.container === undefined
          ? `write strake cp ${source} NAME:PATH, with a container's name`
          : `from one container to another: strake cp ${source} - | strake cp - ${target}`,
    });
  if (target === "-" && from.container !== undefined) {
    for await (const chunk of containers.readArchive(from.container, from.path)) cli.print(chunk);
    return 0;
  }
  if (source === "-" && to.container !== undefined) {
    await containers.writeArchive(to.container, to.path, openInput(cli, undefined), {
      archive: flags.archive,
      signal: cli.signal,
    });
    return 0;
  }
  await containers.copy(from, to, {
    archive: flags.archive,
    followLink: flags["follow-link"],
    signal: cli.signal,
  });
  if (!flags.quiet && cli.terminal.stderr) cli.note(`copied to ${target}\n`);
  return 0;
};

/** `NAME:PATH` unless what is before the colon is a path. A trailing `/` or `/.` is kept: it means something. */
function placeOf(cli: Cli, text: string): CopyPlace {
  const colon = text.indexOf(":");
  if (colon > 0 && !/^[./]/.test(text)) {
    const path = text.slice(colon + 1);
    return { container: text.slice(0, colon), path: path.startsWith("/") ? path : `/${path}` };
  }
  const end = /(\/\.?)$/.exec(text)?.[1] ?? "";
  const path = resolve(cli.cwd, text);
  return {
    path: text === "." || text.endsWith("/.") ? `${path}/.` : end === "/" && path !== "/" ? `${path}/` : path,
  };
}
