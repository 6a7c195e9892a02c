import { type LintFinding, lintDockerfile } from "../dockerfile/index.ts";
import { StrakeError } from "../errors/index.ts";
import type { Emit } from "../events/index.ts";
import { formatPlatform, type Platform, splitVariable } from "../oci/index.ts";
import { findIgnoreRules } from "./context/dockerfile.ts";
import type { BuildOptions } from "./options.ts";
import type { Plan } from "./plan/plan.ts";

export interface ChecksInput {
  readonly plan: Plan;
  readonly platform: Platform;
  /** Path of the Dockerfile, whose own ignore file goes before the context's. */
  readonly dockerfilePath?: string;
  readonly options: Pick<BuildOptions, "buildArgs" | "context">;
  /** `NAME=value` of a base image that the target needs. */
  environmentOf(reference: string, platform?: string): Promise<readonly string[]>;
  readonly emit: Emit;
}

/**
 * Docker's build checks over a planned build: warnings, as `docker build` gives them, for the whole file and for the stages that are built. Errors:
 * DOCKERFILE_CHECK when the `check` directive asks for findings to fail the build.
 */
export async function runChecks({ plan, platform, options, emit, ...input }: ChecksInput): Promise<void> {
  const { dockerfile, stages } = plan;
  const environments = new Map<string, [string, string][]>();
  for (const { base } of stages.values())
    if (base.kind === "image")
      environments.set(
        base.reference,
        (await input.environmentOf(base.reference, base.platform)).map(splitVariable),
      );
  const { findings, error } = lintDockerfile(dockerfile, {
    buildArgs: options.buildArgs,
    platform: formatPlatform(platform),
    stages: new Set(stages.keys()),
    baseEnvironment: (image) => environments.get(image) ?? [],
    ignore: wantsIgnoreRules(plan, options)
      ? findIgnoreRules(options.context!, input.dockerfilePath)?.matcher
      : undefined,
  });
  const at = Date.now();
  for (const { rule, detail, range } of findings)
    emit({ type: "warning", code: rule, message: detail, source: range, at });
  if (error && findings.length > 0) throw failed(findings, dockerfile.text);
}

/** Only one check reads them, and it is an experiment. */
function wantsIgnoreRules({ dockerfile }: Plan, { context, buildArgs }: ChecksInput["options"]): boolean {
  if (context === undefined) return false;
  const { experimentalAll, experimental } = dockerfile.directives.check;
  return (
    experimentalAll ||
    experimental.length > 0 ||
    buildArgs?.BUILDKIT_DOCKERFILE_CHECK?.includes("experimental") === true
  );
}

function failed(findings: readonly LintFinding[], text: string): StrakeError {
  const rules = [...new Set(findings.map(({ rule }) => rule))];
  return new StrakeError("DOCKERFILE_CHECK", `the Dockerfile breaks the rules ${rules.join(", ")}`, {
    hint: "mend the lines that the warnings name, or take error=true out of the check directive",
    // The others are among the warnings.
    sources: [{ ...findings[0]!.range, text }],
  });
}
