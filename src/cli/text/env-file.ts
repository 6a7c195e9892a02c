import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseEnvFile } from "../../container/index.ts";
import { StrakeError } from "../../errors/index.ts";

/** The variables of an `--env-file`; those named alone that are not set here are left out, as docker does. Errors: USAGE. */
export function readEnvFile(
  path: string,
  cwd: string,
  here: Readonly<Record<string, string | undefined>>,
): string[] {
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
  return variables.filter((variable) => variable.includes("=") || here[variable] !== undefined);
}

function readText(path: string, cwd: string): string {
  try {
    return readFileSync(resolve(cwd, path), "utf8");
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === "ENOENT" ? "there is no such file" : String(error);
    throw new StrakeError("USAGE", `cannot read the env file ${path}: ${why}`, { cause: error });
  }
}
