export { enterContainerNamespace } from "./runtime/host.ts";
export { Runtime } from "./runtime/runtime.ts";
export { bindMount, tmpfsMount } from "./spec/mounts.ts";
export type { Mount, ProcessUser } from "./spec/types.ts";
export { runStep, type StepOptions, type StepResult } from "./step/step.ts";
