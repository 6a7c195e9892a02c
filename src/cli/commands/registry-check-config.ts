import { resolve } from "node:path";
import { checkRegistryConfig } from "../../engine/index.ts";
import type { Handler } from "../command.ts";

export const registryCheckConfig: Handler<Record<never, never>> = async (cli, { args }) => {
  const file = args[0]!;
  for (const warning of checkRegistryConfig({ config: resolve(cli.cwd, file) }))
    cli.note(`warning: ${warning}\n`);
  cli.print(`${file} is good\n`);
  return 0;
};
