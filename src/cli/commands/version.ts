import type { Handler } from "../command.ts";
import type { versionFlags } from "../spec/machine.ts";
import { version as number } from "../version.ts";

export const version: Handler<typeof versionFlags> = async (cli, { flags }) => {
  const facts = {
    Version: number,
    Bun: Bun.version,
    Os: process.platform,
    Arch: process.arch === "x64" ? "amd64" : process.arch,
  };
  if (flags.short) cli.print(`strake version ${number}\n`);
  else if (flags.format === "json") cli.print(`${JSON.stringify(facts)}\n`);
  else if (flags.format !== undefined && flags.format !== "table") {
    const { compileTemplate } = await import("../template/index.ts");
    cli.print(`${compileTemplate(flags.format)(facts)}\n`);
  } else cli.print(`strake ${number} (bun ${facts.Bun}, ${facts.Os}/${facts.Arch})\n`);
  return 0;
};
