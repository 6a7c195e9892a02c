export type { LintFinding } from "./finding.ts";
export { type LintOptions, type LintResult, lintDockerfile } from "./lint.ts";
export { type LintRule, type LintRuleName, lintRules } from "./rules.ts";
