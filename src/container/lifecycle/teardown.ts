import { existsSync, lstatSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { StrakeError } from "../../errors/index.ts";
import { closeFd, errnoOf, pidfdOpen, pidfdSendSignal, umount, umountFlags } from "../../sys/index.ts";
import { monitorPid } from "../monitor/conmon.ts";
import { type ContainerPaths, containerPaths } from "../monitor/paths.ts";
import type { ContainerRecord, RootfsRequest } from "./record.ts";
import type { ContainerServices } from "./services.ts";

/** The root file system of a container at its usual place. */
export function rootfsRequest(record: ContainerRecord, paths: ContainerPaths): RootfsRequest {
  return {
    snapshotter: record.snapshotter,
    layers: record.image.layers,
    data: paths.data,
    target: paths.rootfs,
  };
}

/**
 * Ends whatever is left of a container and takes away all that it had while it ran: runtime state, network, mount, run
 * folder. The record, the log and the writable layer stay. `record` is undefined for a run folder whose container is gone.
 * Idempotent; the caller holds the container's lock. `isForgotten`: somebody else tells the runtime.
 */
export async function teardown(
  services: ContainerServices,
  id: string,
  record: ContainerRecord | undefined,
  options: { readonly isForgotten?: boolean } = {},
): Promise<void> {
  const paths = containerPaths(services.root, services.runRoot, id);
  if (!existsSync(paths.run)) return;
  endMonitor(paths, id);
  const ending = Promise.all([
    options.isForgotten ? undefined : services.runtime().delete(id),
    services.network.close(id),
  ]);
  try {
    // Meanwhile: the mount is detached, not torn from a process that may still be ending.
    if (record) services.rootfs.unmount(rootfsRequest(record, paths));
    else detachMount(paths.rootfs);
  } finally {
    await ending;
  }
  removeRunFolder(paths);
}

/**
 * Kills a monitor that has not told of the end yet: told later, in the folder of the next start, it would count as that one's.
 */
function endMonitor(paths: ContainerPaths, id: string): void {
  if (existsSync(paths.exitFile)) return;
  const pid = monitorPid(paths);
  const fd = pid === undefined ? undefined : pidfdOpen(pid);
  if (fd === undefined) return;
  try {
    // After the descriptor, so that it is this very process whose words are read.
    if (argumentsOf(pid!).includes(id)) pidfdSendSignal(fd, 9);
  } finally {
    closeFd(fd);
  }
}

function argumentsOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
}

function detachMount(target: string): void {
  try {
    umount(target, umountFlags.detach | umountFlags.nofollow);
  } catch (error) {
    if (errnoOf(error) !== "EINVAL" && errnoOf(error) !== "ENOENT") throw error;
  }
}

/**
 * The mount point goes first and alone: it must be empty. If a file system were still mounted there, deleting the run folder with all
 * below it would delete the container's files.
 */
function removeRunFolder(paths: ContainerPaths): void {
  if (lstatSync(paths.rootfs, { throwIfNoEntry: false })) {
    try {
      rmdirSync(paths.rootfs);
    } catch (cause) {
      throw new StrakeError("INTERNAL", `${paths.rootfs} is still in use`, { cause });
    }
  }
  rmSync(paths.run, { recursive: true, force: true });
}

/** Forgets a container that is not running: its record, writable layer, log and, if asked, its anonymous volumes. */
export function removeRecord(
  services: ContainerServices,
  record: ContainerRecord,
  options: { readonly volumes: boolean },
): void {
  const paths = containerPaths(services.root, services.runRoot, record.id);
  services.rootfs.discard(rootfsRequest(record, paths));
  rmSync(paths.data, { recursive: true, force: true });
  if (options.volumes)
    for (const mount of record.mounts)
      if (mount.type === "volume" && mount.anonymous) services.volumes.remove(mount.name);
  services.records.remove(record.id);
  rmSync(paths.lock, { force: true });
}
