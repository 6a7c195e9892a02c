import { closeSync, constants, fsyncSync, openSync } from "node:fs";
import { errnoName, fromNodeError, sysError } from "./errno.ts";
import { check, errno, libc } from "./libc.ts";
import { nodePath } from "./path.ts";

/**
 * Makes the names in a directory durable (fsync(2)). A file that was renamed into it survives a crash only after
 * this. File systems that cannot sync directories (EINVAL) are taken to need none.
 */
export function fsyncDirectory(path: string): void {
  try {
    const fd = openSync(nodePath(path), constants.O_RDONLY | (constants.O_DIRECTORY ?? 0));
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if ((error as { code?: string }).code !== "EINVAL") throw fromNodeError(error);
  }
}

/** Writes everything of the file system that holds `path` to disk (syncfs(2)): one wait for thousands of new files. */
export function syncFileSystem(path: string): void {
  try {
    const fd = openSync(nodePath(path), constants.O_RDONLY);
    try {
      check(libc().syncfs(fd), "syncfs", path);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw fromNodeError(error);
  }
}

/** Flags of sync_file_range(2). */
export const syncRangeFlags = { waitBefore: 1, write: 2, waitAfter: 4 } as const;

/** Starts (or waits for) the writing of a stretch of a file; a length of 0 means to its end. Not durable by itself. */
export function syncFileRange(
  fd: number,
  offset: number,
  length: number,
  flags: number = syncRangeFlags.write,
): void {
  check(libc().sync_file_range(fd, offset, length, flags), "sync_file_range", `descriptor ${fd}`);
}

/**
 * Reserves disk space for a file (fallocate(2)), so that a full disk shows before the
 * work and not in its middle. False where the file system cannot. Errors: SYS_EXHAUSTED.
 */
export function fallocate(fd: number, length: number, options: { keepSize?: boolean } = {}): boolean {
  if (libc().fallocate(fd, options.keepSize ? 1 : 0, 0, length) === 0) return true;
  const number = errno();
  if (errnoName(number) === "EOPNOTSUPP" || errnoName(number) === "ENOSYS") return false;
  throw sysError(number, { call: "fallocate", path: `descriptor ${fd}` });
}
