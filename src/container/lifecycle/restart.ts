import { mkdirSync } from "node:fs";
import { monitorPid } from "../monitor/conmon.ts";
import { containerPaths } from "../monitor/paths.ts";
import { identityOf, isThere } from "./process-identity.ts";
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
  const restarter = identityOf(process.pid);
  const record = services.records.update(id, (now) => ({ ...now, restarter }));
  const paths = containerPaths(services.root, services.runRoot, id);
  // Its last act is to have the runtime forget the container: it must not forget the one that comes after.
  const monitor = record?.autoRemove ? monitorPid(paths) : undefined;
  const before = monitor === undefined ? undefined : identityOf(monitor);
  try {
    await stopContainer(services, id, options);
    const until = Date.now() + monitorPatience;
    while (isThere(before) && Date.now() < until) await Bun.sleep(2);
    // Where the next command looks for what was left half done.
    if (record?.autoRemove) mkdirSync(paths.run, { mode: 0o700 });
    await startContainer(services, id);
  } finally {
    services.records.update(id, ({ restarter: _, ...now }) => now);
  }
}
