import { closeFd, pidfdOpen, pidfdSendSignal, processStartTime } from "../../sys/index.ts";
import { waitForExit } from "../monitor/exit.ts";
import { containerPaths } from "../monitor/paths.ts";
import { cleanupContainer } from "./finish.ts";
import type { ContainerRecord } from "./record.ts";
import { refresh } from "./refresh.ts";
import type { ContainerServices } from "./services.ts";
import { parseSignal } from "./signal.ts";
import { type RunningState, wrongState } from "./state.ts";

/**
 * Sends a signal to the first process of a container. The process is named by a descriptor, so that a number that was given
 * to another process meanwhile is never hit. False when it is already gone.
 */
export function signalProcess(state: RunningState, signal: number): boolean {
  const fd = pidfdOpen(state.pid);
  if (fd === undefined) return false;
  try {
    if (state.processStart !== undefined && processStartTime(state.pid) !== state.processStart) return false;
    return pidfdSendSignal(fd, signal);
  } finally {
    closeFd(fd);
  }
}

/** `kill`. Errors: CONTAINER_STATE when it is not running. */
export function killContainer(services: ContainerServices, id: string, signal = "KILL"): void {
  const record = refresh(services, id);
  if (record.state.status !== "running") throw wrongState(record.state, "killed", record.name);
  signalProcess(record.state, parseSignal(signal));
}

export interface StopOptions {
  /** Seconds until it is killed; negative waits for ever. */
  readonly timeout?: number;
  readonly signal?: string;
}

/** Asks a container to end, kills it when it has not within the timeout, and cleans up. One that is not running is fine. */
export async function stopContainer(
  services: ContainerServices,
  id: string,
  options: StopOptions = {},
): Promise<void> {
  const record = refresh(services, id);
  if (record.state.status === "running") {
    const seconds = options.timeout ?? record.stopTimeout;
    signalProcess(record.state, parseSignal(options.signal ?? record.stopSignal));
    const ended = await endedWithin(services, record, record.state, seconds);
    if (!ended) {
      signalProcess(record.state, 9);
      await endedWithin(services, record, record.state, -1);
    }
  }
  await cleanupContainer(services, id);
}

/** Kills and waits until it is over. */
export async function killAndWait(services: ContainerServices, record: ContainerRecord): Promise<void> {
  if (record.state.status !== "running") return;
  signalProcess(record.state, 9);
  await endedWithin(services, record, record.state, -1);
}

/** Resolves with the exit code when the container is over; at once when it already is. */
export async function waitContainer(
  services: ContainerServices,
  id: string,
  signal?: AbortSignal,
): Promise<number> {
  const { state } = refresh(services, id);
  if (state.status === "running") return waitRunning(services, id, { state, ...(signal ? { signal } : {}) });
  return state.exitCode ?? 0;
}

/** As `waitContainer`, for a state at hand: the record may be gone by the time the container is over. */
export async function waitRunning(
  services: ContainerServices,
  id: string,
  { state, signal }: { readonly state: RunningState; readonly signal?: AbortSignal },
): Promise<number> {
  const paths = containerPaths(services.root, services.runRoot, id);
  const end = await waitForExit(paths, { pid: state.pid, startTime: state.processStart }, signal);
  if (end.known) return end.exitCode;
  // A cleanup may have taken the exit file away before we could read it; the record then knows.
  const after = services.records.get(id)?.state;
  return after?.status === "exited" ? after.exitCode : end.exitCode;
}

async function endedWithin(
  services: ContainerServices,
  record: ContainerRecord,
  state: RunningState,
  seconds: number,
): Promise<boolean> {
  const paths = containerPaths(services.root, services.runRoot, record.id);
  const limit = seconds < 0 ? undefined : AbortSignal.timeout(seconds * 1000);
  try {
    await waitForExit(paths, { pid: state.pid, startTime: state.processStart }, limit);
    return true;
  } catch (error) {
    if (limit?.aborted) return false;
    throw error;
  }
}
