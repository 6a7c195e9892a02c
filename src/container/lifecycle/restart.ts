import { mkdirSync, readFileSync } from "node:fs";
import { bootId, isProcessAlive, processStartTime } from "../../sys/index.ts";
import { containerPaths } from "../monitor/paths.ts";
import type { ContainerServices } from "./services.ts";
import { startContainer } from "./start.ts";
import { type StopOptions, stopContainer } from "./stop.ts";

/** How long the monitor of the run before may take to end, in milliseconds; it has a few left to do. */
const monitorPatience = 5000;

/**
 * Stops a container and starts it again; one that is not running is started. One that removes itself at its end (`--rm`) stays
 * meanwhile, as with Docker; when this process is killed in between, it goes as it would have gone. Errors: those of `startContainer`.
 */
export async function restartContainer(
  services: ContainerServices,
  id: string,
  options: StopOptions = {},
): Promise<void> {
  const restarter = { pid: process.pid, startTime: processStartTime(process.pid), bootId: bootId() };
  const record = services.records.update(id, (now) => ({ ...now, restarter }));
  const monitor = record?.autoRemove ? monitorOf(services, id) : undefined;
  try {
    await stopContainer(services, id, options);
    if (monitor) await ended(monitor);
    // Where the next command looks for what was left half done.
    if (record?.autoRemove)
      mkdirSync(containerPaths(services.root, services.runRoot, id).run, { mode: 0o700 });
    await startContainer(services, id);
  } finally {
    services.records.update(id, ({ restarter: _, ...now }) => now);
  }
}

interface Monitor {
  readonly pid: number;
  readonly startTime: number | undefined;
}

/** The process whose last act is to have the runtime forget the container: it must not forget the one that comes after. */
function monitorOf(services: ContainerServices, id: string): Monitor | undefined {
  try {
    const { monitorPidFile } = containerPaths(services.root, services.runRoot, id);
    const pid = Number(readFileSync(monitorPidFile, "utf8"));
    return pid > 0 ? { pid, startTime: processStartTime(pid) } : undefined;
  } catch {
    return undefined;
  }
}

async function ended({ pid, startTime }: Monitor): Promise<void> {
  const until = Date.now() + monitorPatience;
  while (startTime !== undefined && isProcessAlive(pid, startTime) && Date.now() < until) await Bun.sleep(2);
}
