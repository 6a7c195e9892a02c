import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { isProcessAlive, tryLockFile } from "../../sys/index.ts";
import { containerPaths } from "../monitor/paths.ts";
import { cleanupContainer, isLeaving } from "./finish.ts";
import { observe } from "./refresh.ts";
import type { ContainerServices } from "./services.ts";

/** Milliseconds in which those who wait for a container's end (its client, its monitor) clean up themselves. */
const grace = 2000;

/**
 * Ends what was left half done: containers that are over but were never cleaned up (the monitor was killed, the machine was
 * restarted), starts and removals that were cut off, steps of builds whose builder is gone. Cheap when there is nothing:
 * it looks at folders of the run root only, and at all records once after a restart, when there is no such folder. Run it when a
 * command opens the store.
 */
export async function reconcile(services: ContainerServices): Promise<void> {
  const folder = `${services.runRoot}/containers`;
  if (!existsSync(folder)) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    await reconcileRecords(services);
  }
  for (const id of namesIn(folder)) {
    const record = services.records.get(id);
    const isRunning = record !== undefined && observe(services, record).state.status === "running";
    if (isRunning || endedJustNow(services, id) || !isUnlocked(services, id)) continue;
    await cleanupContainer(services, id);
  }
  await reconcileSteps(services);
}

/** Taking the exit file away under those who are about to read it would lose the exit code. */
function endedJustNow(services: ContainerServices, id: string): boolean {
  const { exitFile } = containerPaths(services.root, services.runRoot, id);
  return isYoung(exitFile);
}

function isYoung(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && Date.now() - stat.mtimeMs < grace;
}

/** After a restart the run root is empty, so the records themselves must be asked. */
export async function reconcileRecords(services: ContainerServices): Promise<void> {
  for (const record of services.records.list()) {
    if (isLeaving(observe(services, record)) && isUnlocked(services, record.id))
      await cleanupContainer(services, record.id);
  }
}

async function reconcileSteps(services: ContainerServices): Promise<void> {
  const folder = `${services.runRoot}/steps`;
  for (const id of namesIn(folder)) {
    const owner = readOwner(`${folder}/${id}/owner.json`);
    const isKept =
      owner === undefined ? isYoung(`${folder}/${id}`) : isProcessAlive(owner.pid, owner.startTime);
    if (isKept) continue;
    await services.runtime().delete(id);
    await services.network.close(id);
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
