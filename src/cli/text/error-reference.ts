import { type ErrorClass, errorClasses, errorCodes } from "../../errors/index.ts";

/** docs/errors.md. A test compares the file with this; `npm run docs` writes it. */
export function errorReference(): string {
  const out = [
    "# Errors",
    "",
    "Made from src/errors/codes.ts by `npm run docs`. An error has a code, which is stable, a message, often a hint, and where a file is",
    "to blame the lines. Its class says how the outside sees it.",
    "",
    "| class | HTTP | registry (OCI) | exit code |",
    "|---|---|---|---|",
    ...Object.entries(errorClasses).map(
      ([name, { http, oci, exit }]) => `| ${name} | ${http} | ${oci} | ${exit} |`,
    ),
    "",
    "`strake run` ends with 125 where strake itself failed, 126 when the command is not executable, 127 when it does not exist.",
    "",
  ];
  for (const name of Object.keys(errorClasses) as ErrorClass[]) {
    const codes = Object.entries(errorCodes).filter(([, [kind]]) => kind === name);
    if (codes.length === 0) continue;
    out.push(`## ${name}`, "", "| code | meaning |", "|---|---|");
    for (const [code, [, meaning]] of codes) out.push(`| ${code} | ${meaning.replaceAll("|", "\\|")} |`);
    out.push("");
  }
  return `${out.join("\n").trimEnd()}\n`;
}
