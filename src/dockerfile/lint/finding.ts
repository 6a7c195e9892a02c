import type { SourceRange } from "../../errors/index.ts";
import type { FromInstruction, Instruction } from "../ast.ts";
import type { LintRuleName } from "./rules.ts";

/** One violation of a build check. */
export interface LintFinding {
  readonly rule: LintRuleName;
  /** What is wrong, with names out of the file. */
  readonly detail: string;
  readonly range: SourceRange;
}

/** Where checks put what they find. */
export type Report = (rule: LintRuleName, detail: string, at: Instruction) => void;

/** A report that honours `# check=skip=` above the instruction and above its stage. */
export function reporter(findings: LintFinding[], from?: FromInstruction): Report {
  return (rule, detail, at) => {
    if (skips(at, rule) || (from && skips(from, rule))) return;
    findings.push({ rule, detail, range: at.range });
  };
}

/** True when comments above the instruction turn the rule off. */
export function skips({ skippedChecks }: Instruction, rule: string): boolean {
  return skippedChecks.some((name) => name === rule || name.toLowerCase() === "all");
}
