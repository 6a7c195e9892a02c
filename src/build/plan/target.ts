import type { Stage } from "../../dockerfile/index.ts";
import { nearest, StrakeError } from "../../errors/index.ts";

/** Index of the stage to build: by name, else by number, else the last one. Throws BUILD_TARGET_UNKNOWN. */
export function targetStage(stages: readonly Stage[], target: string | undefined): number {
  if (target === undefined || target === "") return stages.length - 1;
  const named = findStage(stages, target);
  if (named !== undefined) return named;
  if (/^\d+$/.test(target) && Number(target) < stages.length) return Number(target);
  const names = stages.flatMap((stage) => stage.name ?? []);
  const near = nearest(target, names);
  throw new StrakeError("BUILD_TARGET_UNKNOWN", `the Dockerfile has no stage "${target}"`, {
    hint:
      near !== undefined
        ? `did you mean ${near}?`
        : names.length > 0
          ? `stages: ${names.join(", ")}`
          : "no stage has a name; give one with FROM ... AS name, or use its number",
  });
}

/** Index of the last stage with this name, any case; with `before`, of the last one ahead of that index. */
export function findStage(
  stages: readonly Stage[],
  name: string,
  before = stages.length,
): number | undefined {
  const lower = name.toLowerCase();
  for (let i = before - 1; i >= 0; i--) if (stages[i]!.name === lower) return i;
  return undefined;
}
