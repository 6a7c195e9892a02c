import { didYouMean } from "../../errors/index.ts";
import type { Instruction, Stage, StageInstruction } from "../ast.ts";
import { expandInstruction } from "../expand-instruction.ts";
import { hasWildcard } from "../glob.ts";
import { cleanPath, type IgnoreMatcher } from "../ignore.ts";
import type { Report } from "./finding.ts";

/** What a stage hands on to the stages built on it. */
export interface StageState {
  /** Variables that are set, or declared by ARG. */
  readonly variables: Map<string, string>;
  workdirSet: boolean;
}

/** Build arguments that need no declaration. */
const proxies: ReadonlySet<string> = new Set(
  ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"].flatMap((name) => [
    name,
    name.toLowerCase(),
  ]),
);

export interface VariableScope {
  readonly escape: string;
  readonly buildArgs: ReadonlyMap<string, string>;
  readonly globalArgs: ReadonlyMap<string, string>;
  readonly ignore?: IgnoreMatcher;
}

/** Checks that need the values variables have at each instruction. */
export function checkVariables(stage: Stage, state: StageState, scope: VariableScope, report: Report): void {
  for (const instruction of stage.instructions) {
    const expanded = expandOrNothing(instruction, state, scope);
    if (!expanded) continue;
    for (const name of expanded.unset)
      if (!proxies.has(name))
        report(
          "UndefinedVar",
          `Usage of undefined variable '$${name}'${didYouMean(name, state.variables.keys()).replace("mean ", "mean $")}`,
          instruction,
        );
    checkValues(expanded.instruction, instruction, state, scope, report);
    remember(expanded.instruction, state, scope);
  }
}

/** An instruction that cannot be expanded stops a build, which says so better than a check. */
function expandOrNothing(instruction: StageInstruction, { variables }: StageState, scope: VariableScope) {
  try {
    return expandInstruction(instruction, variables, { escape: scope.escape });
  } catch {
    return undefined;
  }
}

function checkValues(
  expanded: StageInstruction,
  written: Instruction,
  state: StageState,
  { ignore }: VariableScope,
  report: Report,
): void {
  switch (expanded.kind) {
    case "workdir":
      if (!state.workdirSet && !expanded.path.startsWith("/"))
        report(
          "WorkdirRelativePath",
          `Relative workdir "${expanded.path}" can have unexpected results if the base image changes`,
          written,
        );
      break;
    case "expose":
      for (const port of expanded.ports) checkPort(port, written, report);
      break;
    case "copy":
    case "add": {
      if (!ignore || ignore.hasNegations || (expanded.kind === "copy" && expanded.from !== undefined)) break;
      const verb = expanded.kind === "copy" ? "Copy" : "Add";
      for (const source of expanded.sources)
        if (isIgnored(source, ignore))
          report(
            "CopyIgnoredFile",
            `Attempting to ${verb} file "${source}" that is excluded by .dockerignore`,
            written,
          );
      break;
    }
  }
}

function checkPort(port: string, written: Instruction, report: Report): void {
  const protocol = port.slice(port.indexOf("/") + 1);
  if (port.includes("/") && protocol !== protocol.toLowerCase())
    report(
      "ExposeProtoCasing",
      `Defined protocol '${port}' in EXPOSE instruction should be lowercase`,
      written,
    );
  if (port.includes(":"))
    report(
      "ExposeInvalidFormat",
      `EXPOSE instruction should not define an IP address or host-port mapping, found '${port}'`,
      written,
    );
}

function isIgnored(source: string, ignore: IgnoreMatcher): boolean {
  if (hasWildcard(source) || /^[a-z][a-z0-9+.-]*:\/\//i.test(source)) return false;
  return ignore.ignored(cleanPath(`/${source}`).slice(1));
}

function remember(instruction: StageInstruction, state: StageState, scope: VariableScope): void {
  if (instruction.kind === "workdir") state.workdirSet = true;
  if (instruction.kind === "env")
    for (const { key, value } of instruction.variables) state.variables.set(key, value);
  if (instruction.kind !== "arg") return;
  for (const { name, value } of instruction.args)
    state.variables.set(name, scope.buildArgs.get(name) ?? value ?? scope.globalArgs.get(name) ?? "");
}
