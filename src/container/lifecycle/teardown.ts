import { existsSync, lstatSync, rmdirSync, rmSync } from "node:fs";
import { StrakeError } from "../../errors/index.ts";
import { type ContainerPaths, containerPaths } from "../monitor/paths.ts";
import type { ContainerRecord } from "./record.ts";
import type { ContainerServices } from "./services.ts";

/**
 * Ends whatever is left of a container and takes away all that it had while it ran: runtime state, network, mount, run folder. The
 * record, the log and the writable layer stay. Idempotent; the caller holds the container's lock.
 */
export async function teardown(
  services: ContainerServices,
  record: Pick<ContainerRecord, "id" | "image">,
  paths: ContainerPaths,
): Promise<void> {
  if (!existsSync(paths.run)) return;
  await Promise.all([services.runtime().delete(record.id), services.network.close(record.id)]);
  await services.rootfs.unmount({
    id: record.id,
    imageId: record.image.id,
    data: paths.data,
    target: paths.rootfs,
  });
  removeRunFolder(paths);
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
  rmSync(paths.data, { recursive: true, force: true });
  if (options.volumes)
    for (const mount of record.mounts)
      if (mount.type === "volume" && mount.anonymous) services.volumes.remove(mount.name);
  services.records.remove(record.id);
  rmSync(paths.lock, { force: true });
}
