import type { PendingHistory, StageState } from "./stage-state.ts";

/** What BuildKit writes, and what tools look for. */
export const historyComment = "buildkit.dockerfile.v0";

/** The entry of a step without a layer. */
export function emptyEntry(createdBy: string): PendingHistory {
  return { created_by: createdBy, comment: historyComment, empty_layer: true, inherited: false };
}

/** The entry of a step that made a layer at that time (RFC 3339). */
export function layerEntry(createdBy: string, created: string): PendingHistory {
  return { created, created_by: createdBy, comment: historyComment, inherited: false };
}

/** `created_by` of a RUN: the build arguments it could see, then the command as it was run. */
export function runText(state: StageState, args: readonly string[]): string {
  const seen = new Map(
    state.buildArgs.map(({ name, value }) => [name, state.variables.get(name) ?? value ?? ""]),
  );
  const prefix =
    seen.size > 0 ? [`|${seen.size}`, ...[...seen].map(([name, value]) => `${name}=${value}`)] : [];
  return `RUN ${[...prefix, ...args].join(" ")} # buildkit`;
}
