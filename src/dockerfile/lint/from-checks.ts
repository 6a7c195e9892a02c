import { didYouMean } from "../../errors/index.ts";
import { isReference, parsePlatform } from "../../oci/index.ts";
import type { Dockerfile, FromInstruction, Stage } from "../ast.ts";
import { expand } from "../expand.ts";
import type { Report } from "./finding.ts";

const reservedNames: ReadonlySet<string> = new Set(["context", "scratch"]);

/** Checks of a FROM line that look at its own words and at the stages before it. */
export function checkFrom(stage: Stage, { stages }: Dockerfile, report: Report): void {
  const { from, name } = stage;
  const { stageNameAsWritten: written, asKeyword } = from;
  if (name !== undefined) {
    if (written !== name) report("StageNameCasing", `Stage name '${written}' should be lowercase`, from);
    if (reservedNames.has(name))
      report(
        "ReservedStageName",
        `Stage name should not use the same name as reserved stage "${name}"`,
        from,
      );
    if (stages.slice(0, stage.index).some((earlier) => earlier.name === name))
      report("DuplicateStageName", `Duplicate stage name "${name}", stage names should be unique`, from);
  }
  if (asKeyword !== undefined && !sameCase(asKeyword, from.keyword))
    report("FromAsCasing", `'${asKeyword}' and '${from.keyword}' keywords' casing do not match`, from);
}

function sameCase(as: string, from: string): boolean {
  return as === (from === from.toLowerCase() ? as.toLowerCase() : as.toUpperCase());
}

/** The scope of FROM lines: values with build arguments, and values when no build argument is given. */
export interface FromScope {
  readonly values: ReadonlyMap<string, string>;
  readonly defaults: ReadonlyMap<string, string>;
}

/** Checks of a FROM line's variables. */
export function checkFromVariables(
  stage: Stage,
  { stages, directives }: Dockerfile,
  scope: FromScope,
  report: Report,
): void {
  const { from } = stage;
  const options = { escape: directives.escape };
  const undeclared = new Set<string>();
  for (const word of [from.image, from.platform ?? ""])
    for (const name of expand(word, scope.values, options).unset) undeclared.add(name);
  for (const name of undeclared)
    report(
      "UndefinedArgInFrom",
      `FROM argument '${name}' is not declared${didYouMean(name, scope.values.keys())}`,
      from,
    );
  const image = expand(from.image, scope.defaults, options).value;
  const isStage = stages.slice(0, stage.index).some((earlier) => earlier.name === image.toLowerCase());
  if (!isStage && !isReference(image))
    report(
      "InvalidDefaultArgInFrom",
      `Default value for ARG ${from.image} results in empty or invalid base image name`,
      from,
    );
  checkPlatform(from, scope, options, report);
}

function checkPlatform(
  from: FromInstruction,
  scope: FromScope,
  options: { readonly escape: string },
  report: Report,
): void {
  if (from.platform === undefined) return;
  const { value, used, unset } = expand(from.platform, scope.values, options);
  const target = scope.values.get("TARGETPLATFORM");
  if (used.size === 1 && used.has("TARGETPLATFORM") && value === target)
    report(
      "RedundantTargetPlatform",
      `Setting platform to predefined ${from.platform} in FROM is redundant as this is the default behavior`,
      from,
    );
  if (used.size > 0 || unset.size > 0) return;
  const platform = platformOf(value);
  const name = from.stageName ?? "";
  // A stage called after its platform is meant to be of that platform.
  if (platform && !name.includes(platform.os) && !name.includes(platform.architecture))
    report(
      "FromPlatformFlagConstDisallowed",
      `FROM --platform flag should not use constant value "${value}"`,
      from,
    );
}

function platformOf(text: string): { os: string; architecture: string } | undefined {
  try {
    return parsePlatform(text);
  } catch {
    return undefined;
  }
}
