import { StrakeError } from "../../errors/index.ts";
import type { Handler } from "../command.ts";

export const port: Handler<Record<never, never>> = async (cli, { args }) => {
  const record = (await (await cli.engine()).containers()).get(args[0]!);
  const published = record.state.status === "running" ? (record.endpoint?.ports ?? []) : [];
  const asked = args[1] === undefined || args[1].includes("/") ? args[1] : `${args[1]}/tcp`;
  const lines = published.flatMap(({ containerPort, protocol, hostAddress, hostPort }) => {
    const inside = `${containerPort}/${protocol}`;
    if (asked === undefined) return `${inside} -> ${hostAddress}:${hostPort}\n`;
    return asked === inside ? `${hostAddress}:${hostPort}\n` : [];
  });
  if (asked !== undefined && lines.length === 0)
    throw new StrakeError("CONTAINER_STATE", `${record.name} publishes no port ${asked}`, {
      hint: `strake port ${record.name} lists those it does`,
    });
  cli.print(lines.join(""));
  return 0;
};
