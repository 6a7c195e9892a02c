import { nearest, StrakeError } from "../../errors/index.ts";
import { bootId } from "../../sys/index.ts";
import { exitOf } from "../monitor/exit.ts";
import { containerPaths } from "../monitor/paths.ts";
import type { ContainerRecord } from "./record.ts";
import type { ContainerServices } from "./services.ts";
import { exited } from "./state.ts";

/** The record as it really is: one that says "running" is compared with the machine first. Errors: CONTAINER_NOT_FOUND. */
export function refresh(services: ContainerServices, id: string): ContainerRecord {
  const record = services.records.get(id);
  if (record === undefined) throw notFound(id);
  return observe(services, record);
}

/** As `refresh`, for a record at hand. */
export function observe(services: ContainerServices, record: ContainerRecord): ContainerRecord {
  const { state } = observed(services, record);
  if (state === record.state || state.status !== "exited") return record;
  const { exitCode, finishedAt, error } = state;
  const end = { exitCode, at: finishedAt, ...(error ? { error } : {}) };
  return services.records.update(record.id, (now) => ({ ...now, state: exited(now.state, end) })) ?? record;
}

/** As `observe`, without noting it down. */
export function observed(services: ContainerServices, record: ContainerRecord): ContainerRecord {
  const { state } = record;
  if (state.status !== "running") return record;
  const end = endOf(services, record.id, state);
  return end === undefined ? record : { ...record, state: exited(state, { ...end, at: Date.now() }) };
}

function endOf(
  services: ContainerServices,
  id: string,
  state: { pid: number; processStart?: number; bootId: string },
): { exitCode: number; error?: string } | undefined {
  if (state.bootId !== bootId()) return { exitCode: 255, error: "the machine was restarted" };
  const paths = containerPaths(services.root, services.runRoot, id);
  const end = exitOf(paths, { pid: state.pid, startTime: state.processStart });
  if (end === undefined) return undefined;
  return end.known ? { exitCode: end.exitCode } : { exitCode: end.exitCode, error: "its monitor was killed" };
}

/** `names`: those there are, for whoever mistyped one. */
export function notFound(reference: string, names: readonly string[] = []): StrakeError {
  const near = nearest(reference, names);
  return new StrakeError("CONTAINER_NOT_FOUND", `there is no container "${reference}"`, {
    hint: `${near === undefined ? "" : `Did you mean ${near}? `}\`strake ps --all\` lists them.`,
  });
}
