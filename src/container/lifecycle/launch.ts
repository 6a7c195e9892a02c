import { mkdirSync, rmSync } from "node:fs";
import { type FileLock, PromisedFile } from "../../sys/index.ts";
import { createUnderMonitor } from "../monitor/conmon.ts";
import { type ContainerPaths, containerPaths } from "../monitor/paths.ts";
import { enterContainerNamespace, sealRuntime } from "../runtime/host.ts";
import { tryLockContainer } from "./lock.ts";
import type { ContainerRecord } from "./record.ts";
import type { ContainerServices } from "./services.ts";
import { teardown } from "./teardown.ts";

/** What a monitor has to know of a container. */
export type Launchable = Pick<
  ContainerRecord,
  "id" | "name" | "args" | "terminal" | "openStdin" | "autoRemove" | "logSizeMax"
>;

/** A monitor and, under it, a runtime that wait for the configuration of a container. */
export interface Launch {
  /** The runtime reads it as soon as it is kept. */
  readonly config: PromisedFile;
  /** The pid of the container's first process, or why there is none. */
  readonly creating: Promise<number>;
}

/**
 * Starts monitor and runtime before there is anything for them to read: their own start takes 7 ms, which goes on while the bundle is made. When we
 * are killed they read the end of the file, and end. The caller holds the container's lock; its run folder is made here.
 * `attended`: the caller stays until the end and cleans up itself.
 */
export function launch(
  services: ContainerServices,
  container: Launchable,
  { attended }: { readonly attended: boolean },
): Launch {
  const paths = containerPaths(services.root, services.runRoot, container.id);
  enterContainerNamespace();
  mkdirSync(paths.run, { recursive: true, mode: 0o700 });
  mkdirSync(paths.rootfs, { mode: 0o755 });
  mkdirSync(paths.data, { recursive: true, mode: 0o700 });
  const runtime = services.runtime();
  sealRuntime(runtime.path);
  const config = new PromisedFile(`${paths.run}/config.json`);
  const creating = createUnderMonitor({
    id: container.id,
    name: container.name,
    program: container.args[0]!,
    paths,
    runtime,
    terminal: container.terminal,
    stdin: container.openStdin,
    logSizeMax: container.logSizeMax,
    detached: !attended,
    exitCommand: exitCommand(services, container, { paths, attended }),
    env: { STRAKE_ROOT: services.root, STRAKE_RUNROOT: services.runRoot },
  });
  creating.catch(() => {});
  return { config, creating };
}

/** A runtime that gets nothing to read fails; whoever takes the container away must not overtake it. */
export async function giveUp({ config, creating }: Launch): Promise<void> {
  config[Symbol.dispose]();
  await creating.catch(() => {});
}

interface EarlyLaunch extends Launch {
  readonly lock: FileLock;
}

/**
 * Launches of containers that are being made and started at once: monitor and runtime then start beside the record's making too. The lock comes first, so
 * that nobody takes the run folder for what a killed process left.
 */
export class EarlyLaunches {
  readonly #waiting = new Map<string, EarlyLaunch>();

  /**
   * To be called in the write of the store that makes the record: the container's folder would be garbage to a collection in between. What fails here
   * is left for the start to report.
   */
  begin(services: ContainerServices, container: Launchable, attended: boolean): void {
    const paths = containerPaths(services.root, services.runRoot, container.id);
    const lock = tryLockContainer(services, container.id);
    if (lock === undefined) return;
    try {
      this.#waiting.set(container.id, { ...launch(services, container, { attended }), lock });
    } catch {
      for (const path of [paths.run, paths.data]) rmSync(path, { recursive: true, force: true });
      lock.release();
    }
  }

  /** Of the container that is started now. */
  take(id: string): EarlyLaunch | undefined {
    const found = this.#waiting.get(id);
    this.#waiting.delete(id);
    return found;
  }

  /** Takes away what was begun for containers that have not come to be. */
  async abandon(services: ContainerServices): Promise<void> {
    for (const id of [...this.#waiting.keys()]) {
      const { lock, ...begun } = this.take(id)!;
      await giveUp(begun);
      await teardown(services, id, undefined);
      const paths = containerPaths(services.root, services.runRoot, id);
      rmSync(paths.data, { recursive: true, force: true });
      rmSync(paths.lock, { force: true });
      lock.release();
    }
  }
}

/**
 * What the monitor runs at the end. For an attended container that is a shell that looks whether the caller still lives or has cleaned up: it
 * costs a millisecond where starting ourselves would take ten of the two processors' time while the caller cleans up. One that
 * is removed at its end cannot be started again, so nobody needs to wait until the runtime has forgotten it (5 ms): the shell
 * sees to that too.
 */
function exitCommand(
  services: ContainerServices,
  { id, autoRemove }: Launchable,
  { paths, attended }: { readonly paths: ContainerPaths; readonly attended: boolean },
): string[] {
  if (!attended) return [...services.cleanupCommand, id];
  const isForgotten = autoRemove ? `${forget} ` : "";
  // Asked first, as the caller ends while the runtime forgets. What it takes away last tells whether it was done.
  const guard = `kill -0 "$0" 2>/dev/null || [ ! -e "$4" ] || left=1; ${isForgotten}[ -z "$left" ] || { shift 4; exec "$@"; }`;
  const last = autoRemove ? paths.lock : paths.run;
  const { path, stateRoot } = services.runtime();
  const words = [String(process.pid), path, stateRoot, id, last];
  return ["/bin/sh", "-c", guard, ...words, ...services.cleanupCommand, id];
}

const forget = '"$1" --root "$2" delete --force "$3" 2>/dev/null;';
