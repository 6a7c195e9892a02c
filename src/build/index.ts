export { build } from "./build.ts";
export { applyChanges } from "./config/changes.ts";
export { type Difference, explainMiss } from "./key/explain.ts";
export type { StepInputs } from "./key/inputs.ts";
export type { BuildOptions, BuildResult } from "./options.ts";
export { makePlan, type PlanInput } from "./plan/make.ts";
export type { Base, Origin, Plan, PlannedInstruction, PlannedStage } from "./plan/plan.ts";
