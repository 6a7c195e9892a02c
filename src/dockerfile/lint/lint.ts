import type { CheckOptions, Dockerfile, Stage } from "../ast.ts";
import { parseCheckOptions } from "../directives.ts";
import { expand } from "../expand.ts";
import type { IgnoreMatcher } from "../ignore.ts";
import { type LintFinding, type Report, reporter, skips } from "./finding.ts";
import { checkFrom, checkFromVariables } from "./from-checks.ts";
import { type LintRule, type LintRuleName, lintRules } from "./rules.ts";
import { checkDescriptions, checkKeywordCasing, checkStage } from "./stage-checks.ts";
import { checkVariables, type StageState } from "./variable-checks.ts";

export interface LintOptions {
  /** Values of `--build-arg`; `BUILDKIT_DOCKERFILE_CHECK` overrides the file's `check` directive. */
  readonly buildArgs?: Readonly<Record<string, string>>;
  /** Rules of the context's ignore file, for CopyIgnoredFile. */
  readonly ignore?: IgnoreMatcher;
  /** `os/arch[/variant]` of the build's target and host; `linux/amd64` when absent. */
  readonly platform?: string;
  /** Numbers of the stages that are built, all when absent: what needs a build to be seen is looked for in these only. */
  readonly stages?: ReadonlySet<number>;
  /** Variables that a base image sets, by the image's name in the Dockerfile; only PATH is assumed when absent. */
  readonly baseEnvironment?: (image: string) => Iterable<readonly [string, string]>;
}

export interface LintResult {
  /** In the order of the file. */
  readonly findings: readonly LintFinding[];
  /** True when the options ask for findings to fail the build. */
  readonly error: boolean;
}

/**
 * Runs the build checks over a Dockerfile. Rules that `# check=skip=` turns off, for the file, a
 * stage or an instruction, report nothing; experimental ones only report when enabled.
 */
export function lintDockerfile(dockerfile: Dockerfile, options: LintOptions = {}): LintResult {
  const buildArgs = new Map(Object.entries(options.buildArgs ?? {}));
  const override = buildArgs.get("BUILDKIT_DOCKERFILE_CHECK");
  const check = override === undefined ? dockerfile.directives.check : parseCheckOptions(override);
  const findings: LintFinding[] = [];
  addWarnings(dockerfile, findings);
  for (const arg of dockerfile.globalArgs) checkDescriptions(arg, reporter(findings));
  checkKeywordCasing(dockerfile, (stage) => reporter(findings, stage.from));
  checkStages(dockerfile, options, buildArgs, findings);
  return {
    findings: findings
      .filter(({ rule }) => enabled(rule, lintRules[rule], check))
      .sort((a, b) => a.range.startLine - b.range.startLine),
    error: check.error,
  };
}

/** What the parser noticed on its way. */
function addWarnings({ warnings, stages, globalArgs }: Dockerfile, findings: LintFinding[]): void {
  for (const { rule, message, range } of warnings) {
    const stage = stages.findLast(({ from }) => from.range.startLine <= range.startLine);
    const places = stage ? [stage.from, ...stage.instructions] : globalArgs;
    const at = places.findLast((place) => place.range.startLine <= range.startLine);
    if ((at && skips(at, rule)) || (stage && skips(stage.from, rule))) continue;
    findings.push({ rule, detail: message, range });
  }
}

function enabled(name: string, rule: LintRule, check: CheckOptions): boolean {
  if (rule.experimental) return check.experimentalAll || check.experimental.includes(name);
  return !check.skipAll && !check.skip.includes(name);
}

function checkStages(
  dockerfile: Dockerfile,
  options: LintOptions,
  buildArgs: ReadonlyMap<string, string>,
  findings: LintFinding[],
): void {
  const escapeCharacter = dockerfile.directives.escape;
  const predefined = platformArgs(options.platform ?? "linux/amd64");
  const values = globalArgs(dockerfile, predefined, buildArgs);
  const defaults = globalArgs(dockerfile, predefined, new Map());
  const finished: (StageState & { hasShell: boolean })[] = [];
  for (const stage of dockerfile.stages) {
    const report = reportOf(stage, options, findings);
    checkFrom(stage, dockerfile, report);
    quietly(() => checkFromVariables(stage, dockerfile, { values, defaults }, report));
    for (const instruction of [stage.from, ...stage.instructions]) checkDescriptions(instruction, report);
    const image = baseImage(stage, values, escapeCharacter);
    const base = finished[stageIndex(image, dockerfile.stages.slice(0, stage.index))];
    const hasShell = base?.hasShell ?? false;
    checkStage(stage, hasShell, report);
    const state: StageState = {
      variables: new Map(base?.variables ?? [["PATH", ""], ...(options.baseEnvironment?.(image) ?? [])]),
      workdirSet: base?.workdirSet ?? false,
    };
    const scope = { escape: escapeCharacter, buildArgs, globalArgs: values, ignore: options.ignore };
    checkVariables(stage, state, scope, report);
    finished.push({
      ...state,
      hasShell: hasShell || stage.instructions.some(({ kind }) => kind === "shell"),
    });
  }
}

/** Rules that BuildKit looks at while it turns a stage into steps, so not in those it leaves out. */
const ofBuiltStages: ReadonlySet<LintRuleName> = new Set([
  "JSONArgsRecommended",
  "WorkdirRelativePath",
  "UndefinedVar",
  "MultipleInstructionsDisallowed",
  "SecretsUsedInArgOrEnv",
  "CopyIgnoredFile",
  "ExposeProtoCasing",
  "ExposeInvalidFormat",
]);

function reportOf(stage: Stage, { stages }: LintOptions, findings: LintFinding[]): Report {
  const report = reporter(findings, stage.from);
  if (stages === undefined || stages.has(stage.index)) return report;
  return (rule, detail, at) => {
    if (!ofBuiltStages.has(rule)) report(rule, detail, at);
  };
}

function baseImage(stage: Stage, values: ReadonlyMap<string, string>, escapeCharacter: string): string {
  return quietly(() => expand(stage.from.image, values, { escape: escapeCharacter }).value) ?? "";
}

function stageIndex(image: string, earlier: readonly Stage[]): number {
  const name = image.toLowerCase();
  return earlier.findLastIndex((stage) => stage.name === name);
}

/** The values of ARGs in front of the first FROM; those without one are declared but empty. */
function globalArgs(
  dockerfile: Dockerfile,
  predefined: ReadonlyMap<string, string>,
  buildArgs: ReadonlyMap<string, string>,
): Map<string, string> {
  const values = new Map(predefined);
  for (const name of predefined.keys()) values.set(name, buildArgs.get(name) ?? values.get(name)!);
  for (const { args } of dockerfile.globalArgs)
    for (const { name, value } of args) {
      const expanded = quietly(
        () => expand(value ?? "", values, { escape: dockerfile.directives.escape }).value,
      );
      values.set(name, buildArgs.get(name) ?? expanded ?? "");
    }
  return values;
}

function platformArgs(platform: string): Map<string, string> {
  const [os = "", arch = "", variant = ""] = platform.split("/");
  const args = new Map([["TARGETSTAGE", "default"]]);
  for (const side of ["TARGET", "BUILD"]) {
    args.set(`${side}PLATFORM`, platform);
    args.set(`${side}OS`, os);
    args.set(`${side}ARCH`, arch);
    args.set(`${side}VARIANT`, variant);
    args.set(`${side}OSVERSION`, "");
  }
  return args;
}

/** What cannot be expanded stops a build, which says so better than a check. */
function quietly<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch {
    return undefined;
  }
}
