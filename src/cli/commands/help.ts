import { errorCodes } from "../../errors/index.ts";
import type { Handler } from "../command.ts";
import { specs } from "../spec/all.ts";
import { environmentVariables } from "../text/environment.ts";
import { helpFor } from "../text/help.ts";
import { renderTable } from "../text/table.ts";

export const help: Handler<Record<never, never>> = async (cli, { args }) => {
  if (args.length === 1 && args[0] === "errors") {
    const rows = Object.entries(errorCodes).map(([code, [kind, meaning]]) => [code, kind, meaning]);
    cli.print(renderTable(["CODE", "CLASS", "MEANING"], rows));
  } else if (args.length === 1 && args[0] === "environment")
    cli.print(renderTable(["VARIABLE", "MEANING"], Object.entries(environmentVariables)));
  else cli.print(helpFor(specs, args));
  return 0;
};
