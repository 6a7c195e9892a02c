import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseEnvFile } from "../../container/index.ts";
import { StrakeError } from "../../errors/index.ts";
import type { Cli } from "../cli.ts";

/** What `--env-file` and `--env` say; the latter counts. Errors: USAGE. */
export function variablesOf(
  cli: Pick<Cli, "cwd" | "env">,
  flags: { readonly env: readonly string[]; readonly "env-file": readonly string[] },
): string[] {
  return [...flags["env-file"].flatMap((path) => variablesIn(path, cli)), ...flags.env];
}

/** Those named alone that are not set here are left out, as docker does. */
function variablesIn(path: string, { cwd, env }: Pick<Cli, "cwd" | "env">): string[] {
  const variables = parseEnvFile(readText(path, cwd));
  const blank = variables.find((variable) => /\s/.test(variable.split("=", 1)[0]!));
  if (blank !== undefined)
    throw new StrakeError(
      "USAGE",
      `the env file ${path} has a name with a blank in it: ${JSON.stringify(blank)}`,
      {
        hint: "a line is NAME=value, without blanks around the = and without `export`",
      },
    );
  return variables.filter((variable) => variable.includes("=") || env[variable] !== undefined);
}

function readText(path: string, cwd: string): string {
  try {
    return readFileSync(resolve(cwd, path), "utf8");
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === "ENOENT" ? "there is no such file" : String(error);
    throw new StrakeError("USAGE", `cannot read the env file ${path}: ${why}`, { cause: error });
  }
}
