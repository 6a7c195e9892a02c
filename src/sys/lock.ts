import { closeSync, constants, openSync } from "node:fs";
import { throwIfAborted } from "../errors/index.ts";
import { errnoName, fromNodeError, sysError } from "./errno.ts";
import { errno, libc } from "./libc.ts";
import { nodePath } from "./path.ts";

export type LockKind = "shared" | "exclusive";

const operations = { shared: 1, exclusive: 2 } as const;
const nonBlocking = 4;

/**
 * flock(2) without waiting: true when the lock was taken, false when somebody else holds it. The lock belongs to the
 * open file description: it goes away with its last descriptor, so the kernel frees it however the process ends. A second open of
 * the same file in this process is a rival like any other.
 */
export function tryFlock(fd: number, kind: LockKind): boolean {
  if (libc().flock(fd, operations[kind] | nonBlocking) === 0) return true;
  const number = errno();
  if (errnoName(number) === "EAGAIN") return false;
  throw sysError(number, { call: "flock", path: `descriptor ${fd}` });
}

/**
 * flock(2) that waits without blocking the event loop: it tries at growing intervals of 1 to 50 ms until the lock is
 * free. Errors: CANCELED when the signal is aborted.
 */
export async function flock(
  fd: number,
  kind: LockKind,
  options: { signal?: AbortSignal } = {},
): Promise<void> {
  for (let wait = 1; !tryFlock(fd, kind); wait = Math.min(wait * 2, 50)) {
    throwIfAborted(options.signal);
    await new Promise((resolve) => setTimeout(resolve, wait));
    throwIfAborted(options.signal);
  }
}

/** A lock on a file that is held until `release`, or until the process ends. */
export interface FileLock {
  readonly path: string;
  /** Gives the lock back. Idempotent. The file stays: unlinking it would let two processes lock different files. */
  release(): void;
  [Symbol.dispose](): void;
}

/** Opens (making it if need be) and locks a file, waiting for its turn. */
export async function lockFile(
  path: string,
  options: { kind?: LockKind; signal?: AbortSignal } = {},
): Promise<FileLock> {
  const fd = openLockFile(path);
  try {
    await flock(fd, options.kind ?? "exclusive", { signal: options.signal });
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return heldLock(path, fd);
}

/** As `lockFile`, but gives undefined at once when somebody else holds the lock. */
export function tryLockFile(path: string, kind: LockKind = "exclusive"): FileLock | undefined {
  const fd = openLockFile(path);
  let taken = false;
  try {
    taken = tryFlock(fd, kind);
  } finally {
    if (!taken) closeSync(fd);
  }
  return taken ? heldLock(path, fd) : undefined;
}

function openLockFile(path: string): number {
  try {
    return openSync(nodePath(path), constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  } catch (error) {
    throw fromNodeError(error);
  }
}

function heldLock(path: string, fd: number): FileLock {
  let open = true;
  const release = () => {
    if (open) closeSync(fd);
    open = false;
  };
  return { path, release, [Symbol.dispose]: release };
}
