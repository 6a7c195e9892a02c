import type { Dockerfile, FromInstruction, StageInstruction } from "../../dockerfile/index.ts";
import type { SourceRange } from "../../errors/index.ts";

/** What a stage starts from. */
export type Base =
  | { readonly kind: "scratch"; readonly platform?: string }
  | { readonly kind: "stage"; readonly index: number }
  | { readonly kind: "image"; readonly reference: string; readonly platform?: string };

/** Where `--from` points; an instruction without it reads the build context. */
export type Origin =
  | { readonly kind: "stage"; readonly index: number }
  | { readonly kind: "image"; readonly reference: string };

export interface PlannedInstruction {
  readonly instruction: StageInstruction;
  /** For COPY with `--from`. */
  readonly origin?: Origin;
  /** A trigger of the base, run because of this stage's FROM. */
  readonly onbuild: boolean;
  /** Lines to blame: the instruction's, or the FROM's for a trigger that came with an image. */
  readonly range: SourceRange;
}

export interface PlannedStage {
  readonly index: number;
  readonly name?: string;
  /** What progress shows: the name, `stage-N`, or "" when the file has only one stage. */
  readonly label: string;
  /** Variables expanded. */
  readonly from: FromInstruction;
  readonly base: Base;
  readonly instructions: readonly PlannedInstruction[];
  /** Stages that must be there first, ascending. */
  readonly dependsOn: readonly number[];
}

/** The graph to execute. Stages that the target does not need are not in it. */
export interface Plan {
  readonly dockerfile: Dockerfile;
  readonly target: number;
  readonly stages: ReadonlyMap<number, PlannedStage>;
  /** Labels of stages that are left out, in file order. */
  readonly skipped: readonly string[];
  /** Variables of the global scope, which ARG in a stage may import. */
  readonly globals: ReadonlyMap<string, string>;
  /** Build arguments that nothing declares. */
  readonly unusedArguments: readonly string[];
}

/** Instructions that progress counts as steps: those that make or may make a layer. */
export function isStep(instruction: StageInstruction): boolean {
  const { kind } = instruction;
  return kind === "run" || kind === "copy" || kind === "add" || kind === "workdir";
}
