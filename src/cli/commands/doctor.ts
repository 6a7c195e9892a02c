import { type DoctorReport, Engine } from "../../engine/index.ts";
import { StrakeError } from "../../errors/index.ts";
import { defaultRoot } from "../../store/index.ts";
import type { Cli } from "../cli.ts";
import type { Handler } from "../command.ts";
import type { doctorFlags } from "../spec/machine.ts";
import { printFacts } from "../text/list.ts";

const marks = { ok: "ok     ", less: "less   ", missing: "MISSING", unused: "unused " } as const;

export const doctor: Handler<typeof doctorFlags> = async (cli, { flags }) => {
  const report = await reportOf(cli);
  await printFacts(cli, report, flags.format, () => {
    const width = Math.max(...report.findings.map(({ name }) => name.length));
    const lines = report.findings.map(({ name, verdict, detail, fix }) => {
      const remedy = fix === undefined ? "" : `\n${" ".repeat(width + 11)}fix: ${fix}`;
      return `${marks[verdict]}  ${name.padEnd(width)}  ${detail}${remedy}`;
    });
    if (report.install !== undefined) lines.push("", `install what is missing: ${report.install}`);
    else if (report.ok) lines.push("", "nothing is missing");
    return `${lines.join("\n")}\n`;
  });
  return report.ok ? 0 : 1;
};

/** Of the machine, also where the store is what is wrong with it. */
async function reportOf(cli: Cli): Promise<DoctorReport> {
  try {
    return await (await cli.engine()).doctor();
  } catch (problem) {
    if (!(problem instanceof StrakeError)) throw problem;
    return await Engine.examine({ root: defaultRoot(), problem });
  }
}
