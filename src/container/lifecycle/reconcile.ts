import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { isProcessAlive, tryLockFile } from "../../sys/index.ts";
import { containerPaths } from "../monitor/paths.ts";
import { cleanupContainer } from "./finish.ts";
import { observe } from "./refresh.ts";
import type { ContainerServices } from "./services.ts";

/**
 * Ends what was left half done: containers that are over but were never cleaned up (the monitor was killed, the machine was
 * restarted), starts and removals that were cut off, steps of builds whose builder is gone. Cheap when there is nothing:
 * it looks at folders of the run root only. Run it when a command opens the store.
 */
export async function reconcile(services: ContainerServices): Promise<void> {
  for (const id of namesIn(`${services.runRoot}/containers`)) {
    const record = services.records.get(id);
    const isRunning = record !== undefined && observe(services, record).state.status === "running";
    if (isRunning || !isUnlocked(services, id)) continue;
    await cleanupContainer(services, id);
  }
  await reconcileSteps(services);
}

/** After a restart the run root is empty, so the records themselves must be asked. */
export async function reconcileRecords(services: ContainerServices): Promise<void> {
  for (const record of services.records.list()) {
    const { status } = observe(services, record).state;
    const isLeaving = status === "removing" || (status === "exited" && record.autoRemove);
    if (isLeaving && isUnlocked(services, record.id)) await cleanupContainer(services, record.id);
  }
}

async function reconcileSteps(services: ContainerServices): Promise<void> {
  const folder = `${services.runRoot}/steps`;
  for (const id of namesIn(folder)) {
    const owner = readOwner(`${folder}/${id}/owner.json`);
    if (owner === undefined || isProcessAlive(owner.pid, owner.startTime)) continue;
    await services.runtime().delete(id);
    rmSync(`${folder}/${id}`, { recursive: true, force: true });
  }
}

/** Somebody who holds the lock is at work on it. */
function isUnlocked(services: ContainerServices, id: string): boolean {
  const { lock } = containerPaths(services.root, services.runRoot, id);
  if (!existsSync(lock)) return true;
  const held = tryLockFile(lock);
  held?.release();
  return held !== undefined;
}

function readOwner(path: string): { pid: number; startTime?: number } | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as { pid: number; startTime?: number };
  } catch {
    return undefined;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
