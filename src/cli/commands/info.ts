import type { Handler } from "../command.ts";
import type { infoFlags } from "../spec/machine.ts";
import { printFacts } from "../text/list.ts";
import { version } from "../version.ts";

export const info: Handler<typeof infoFlags> = async (cli, { flags }) => {
  const facts = { version, ...(await (await cli.engine()).info()) };
  await printFacts(cli, facts, flags.format, () => {
    const { containers, ...plain } = facts;
    const rows: [string, string][] = [
      ...Object.entries(plain).map(([name, value]): [string, string] => [label(name), String(value)]),
      ["Containers", `${containers.total} (${containers.running} running)`],
    ];
    return rows.map(([name, value]) => `${name}: ${value}\n`).join("");
  });
  return 0;
};

/** `runRoot` as `Run root`. */
function label(name: string): string {
  const words = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return words[0]!.toUpperCase() + words.slice(1);
}
