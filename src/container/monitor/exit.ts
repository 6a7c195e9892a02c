import { existsSync, readFileSync, watch } from "node:fs";
import { isProcessAlive } from "../../sys/index.ts";
import { monitorPid } from "./conmon.ts";
import type { ContainerPaths } from "./paths.ts";

/** The status conmon wrote when the container ended; undefined while it has not. */
export function readExitFile(path: string): number | undefined {
  try {
    const text = readFileSync(path, "utf8").trim();
    return /^-?\d+$/.test(text) ? Number(text) & 0xff : undefined;
  } catch {
    return undefined;
  }
}

/** Status of a container whose monitor died before it could write one. Docker has no word for it; 255 is what it uses for unknown ends. */
export const unknownExitCode = 255;

/**
 * Whether the container is over, and how: its exit file decides; without one it is over when neither its process nor its
 * monitor lives any more.
 */
export function exitOf(
  paths: ContainerPaths,
  process: { pid: number; startTime?: number },
): ContainerEnd | undefined {
  const code = readExitFile(paths.exitFile);
  if (code !== undefined) return { exitCode: code, known: true };
  if (isProcessAlive(process.pid, process.startTime)) return undefined;
  const monitor = monitorPid(paths);
  // Between the end of the process and the exit file the monitor is still at work.
  if (monitor !== undefined && isProcessAlive(monitor)) return undefined;
  // It may have written the file and gone between our two looks.
  const late = readExitFile(paths.exitFile);
  return late === undefined ? { exitCode: unknownExitCode, known: false } : { exitCode: late, known: true };
}

/** How a container ended; not `known` when nobody could write it down. */
export interface ContainerEnd {
  readonly exitCode: number;
  readonly known: boolean;
}

/**
 * Resolves when the container is over. Looks a few times first: whoever saw the output end has not long to wait, and a watch takes 6 ms
 * to set up. Then sleeps on the exit folder's changes; looks by itself twice a second, for the monitor that was killed.
 */
export async function waitForExit(
  paths: ContainerPaths,
  process: { pid: number; startTime?: number },
  signal?: AbortSignal,
): Promise<ContainerEnd> {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let looks = 0; looks < 18; looks++) {
    const now = exitOf(paths, process);
    if (now) return now;
    // A timer takes a millisecond at least.
    if (looks < 10) Atomics.wait(pause, 0, 0, 0.2);
    else await Bun.sleep(1);
    signal?.throwIfAborted();
  }
  return await new Promise((resolve, reject) => {
    const look = () => {
      const end = exitOf(paths, process);
      if (end) finish(() => resolve(end));
    };
    const watcher = existsSync(paths.exitFolder) ? watch(paths.exitFolder, look) : undefined;
    const timer = setInterval(look, 500);
    const abort = () => finish(() => reject(signal?.reason));
    const finish = (then: () => void) => {
      clearInterval(timer);
      watcher?.close();
      signal?.removeEventListener("abort", abort);
      then();
    };
    signal?.addEventListener("abort", abort, { once: true });
    // The file may have come between the first look and the watch.
    look();
  });
}
