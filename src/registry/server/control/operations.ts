import { StrakeError } from "../../../errors/index.ts";
import type { Digest } from "../../../oci/index.ts";
import type { Administration, NewRobot } from "../administration.ts";
import type { CollectOptions } from "../gc/collect.ts";
import type { ScrubOptions } from "../gc/scrub.ts";
import type { RetentionOptions } from "../retention/retain.ts";
import type { RetentionRule } from "../retention/rules.ts";

type Operation = (administration: Administration, input: never, signal: AbortSignal) => Promise<unknown>;

/** What the control socket takes: a name, and one JSON value with what belongs to it. */
export const operations = {
  collect: (administration, input: CollectOptions, signal) => administration.collect({ ...input, signal }),
  retain: (administration, input: { rules?: RetentionRule[]; options?: RetentionOptions }, signal) =>
    administration.retain(input.rules, { ...input.options, signal }),
  scrub: (administration, input: ScrubOptions, signal) => administration.scrub({ ...input, signal }),
  trash: (administration, input: { repository?: string }) => administration.trash(input.repository),
  restore: (administration, input: { repository: string; digest: Digest }) =>
    administration.restore(input.repository, input.digest),
  emptyTrash: (administration, input: { repository?: string }) => administration.emptyTrash(input.repository),
  robots: (administration) => administration.robots(),
  createRobot: (administration, input: NewRobot) => administration.createRobot(input),
  revokeRobot: (administration, input: { name: string }) => administration.revokeRobot(input.name),
} as const satisfies Record<string, Operation>;

export type OperationName = keyof typeof operations;

/** Does one operation. Throws USAGE for one that does not exist. */
export function operate(
  administration: Administration,
  { name, input }: { name: string; input: unknown },
  signal: AbortSignal,
): Promise<unknown> {
  if (!Object.hasOwn(operations, name)) throw new StrakeError("USAGE", `the registry knows no ${name}`);
  const operation = operations[name as OperationName] as Operation;
  return operation(administration, input as never, signal);
}
