import { mkdirSync } from "node:fs";
import { type FileLock, lockFile, tryLockFile } from "../../sys/index.ts";
import { containerPaths } from "../monitor/paths.ts";
import type { ContainerServices } from "./services.ts";

/** A container's lock, which whoever starts, cleans up, removes or mounts it holds. Waits for its turn. */
export function lockContainer(services: ContainerServices, id: string): Promise<FileLock> {
  return lockFile(lockPath(services, id));
}

/** As `lockContainer`, or undefined when somebody holds it. */
export function tryLockContainer(services: ContainerServices, id: string): FileLock | undefined {
  return tryLockFile(lockPath(services, id));
}

function lockPath({ root, runRoot }: ContainerServices, id: string): string {
  mkdirSync(`${runRoot}/locks`, { recursive: true, mode: 0o700 });
  return containerPaths(root, runRoot, id).lock;
}
