import { existsSync, rmSync } from "node:fs";
import { containerPaths } from "../monitor/paths.ts";
import { lockContainer } from "./lock.ts";
import { isThere } from "./process-identity.ts";
import type { ContainerRecord } from "./record.ts";
import { observe, observed } from "./refresh.ts";
import type { ContainerServices } from "./services.ts";
import { removeRecord, teardown } from "./teardown.ts";

export interface CleanupOptions {
  /** The monitor of a container that removes itself has the runtime forget it; see `exitCommand` of start.ts. */
  readonly attended?: boolean;
}

/**
 * Takes away what a container that is over had while it ran, and the container itself when it was started with `--rm`. Called by
 * the monitor when it ends, by those who waited for it, and for the dead whose cleanup never ran. Idempotent, safe
 * with several callers at once; a running container is left alone. Gives the record as it was last, if there was one.
 */
export async function cleanupContainer(
  services: ContainerServices,
  id: string,
  options: CleanupOptions = {},
): Promise<ContainerRecord | undefined> {
  const paths = containerPaths(services.root, services.runRoot, id);
  using _lock = await lockContainer(services, id);
  const stored = services.records.get(id);
  if (stored === undefined) {
    if (existsSync(paths.run)) await teardown(services, id, undefined);
    rmSync(paths.lock, { force: true });
    return undefined;
  }
  // What is removed in a moment is not written first.
  const record = stored.autoRemove ? observed(services, stored) : observe(services, stored);
  if (record.state.status === "running") return record;
  const leaving = isLeaving(record);
  await teardown(services, record.id, record, { isForgotten: leaving && options.attended === true });
  if (leaving) removeRecord(services, record, { volumes: true });
  return record;
}

/** Whether nothing is left for the container but to go. */
export function isLeaving({ state, autoRemove, maker, restarter }: ContainerRecord): boolean {
  if (state.status === "removing") return true;
  if (!autoRemove || isThere(restarter)) return false;
  if (state.status === "exited") return true;
  // `run --rm` that was killed between making and starting it.
  if (state.status !== "created" || maker === undefined) return false;
  return !isThere(maker);
}
