import { closeSync, constants } from "node:fs";
import { errnoName, sysError } from "./errno.ts";
import { check, errno, libc } from "./libc.ts";
import { cPath } from "./path.ts";
import { syscall } from "./syscall.ts";

/** Stands for the working directory in the *at calls; absolute paths ignore it. */
export const atCwd = -100;

/** Flags of open(2). Node's constants are this machine's; the four below are the same on x86_64 and arm64. */
export const openFlags = {
  readOnly: constants.O_RDONLY,
  writeOnly: constants.O_WRONLY,
  readWrite: constants.O_RDWR,
  create: constants.O_CREAT,
  exclusive: constants.O_EXCL,
  truncate: constants.O_TRUNC,
  append: constants.O_APPEND,
  directory: constants.O_DIRECTORY ?? 0,
  nofollow: constants.O_NOFOLLOW ?? 0,
  nonblock: constants.O_NONBLOCK ?? 0,
  cloexec: 0o2000000,
  /** A descriptor that only names the file: good for the *at calls, fstat and /proc/self/fd, not for reading. */
  path: 0o10000000,
  noctty: 0o400,
} as const;

/** How openat2(2) resolves the path. */
export const resolveFlags = {
  noCrossMount: 1,
  noMagicLinks: 2,
  noSymlinks: 4,
  /** Refuse (EXDEV) whatever leaves the directory: absolute paths, absolute symlinks, `..` above it. */
  beneath: 8,
  /** Treat the directory as `/`: absolute symlinks and `..` stay inside, as if by chroot. */
  inRoot: 16,
} as const;

export interface OpenOptions {
  /** Sum of `openFlags`; close-on-exec is always added. */
  readonly flags: number;
  /** Mode of a file made by `create`. */
  readonly mode?: number;
  /** Sum of `resolveFlags`. */
  readonly resolve?: number;
}

/**
 * openat2(2): opens `path` below the directory descriptor `directory`. The descriptor is the caller's, to be closed with
 * `closeFd`. Errors: SYS_NOT_FOUND, SYS_INVALID (ELOOP, EXDEV, ENOTDIR) for what the resolution forbids. EAGAIN, which the kernel gives
 * when a rename raced with `..`, is tried again.
 */
export function openAt(directory: number, path: string, options: OpenOptions): number {
  const how = new BigUint64Array([
    BigInt(options.flags | openFlags.cloexec),
    BigInt(options.mode ?? 0),
    BigInt(options.resolve ?? 0),
  ]);
  const bytes = new Uint8Array(how.buffer);
  const name = cPath(path);
  for (let attempt = 0; ; attempt++) {
    const fd = syscall("openat2", directory, name, bytes, bytes.length);
    if (fd >= 0) return fd;
    const number = errno();
    const again = errnoName(number) === "EAGAIN" && (options.flags & openFlags.nonblock) === 0;
    if (again && attempt < 128) continue;
    throw sysError(number, { call: "openat2", path, hint: hintOf(number) });
  }
}

function hintOf(number: number): string | undefined {
  return errnoName(number) === "ENOSYS" ? "openat2 needs Linux 5.6 or newer" : undefined;
}

/** Opens a directory of the host as an O_PATH descriptor, the anchor of *at calls. */
export function openDirectory(path: string): number {
  return openAt(atCwd, path, { flags: openFlags.path | openFlags.directory });
}

/** Closes a descriptor of this floor. */
export function closeFd(fd: number): void {
  closeSync(fd);
}

/** Target of the symlink `name` in `directory`, as bytes of the path. An empty name reads the O_PATH descriptor itself. */
export function readlinkAt(directory: number, name: string): Uint8Array {
  // PATH_MAX: no symlink target is longer.
  const buffer = new Uint8Array(4096);
  const length = check(libc().readlinkat(directory, cPath(name), buffer, buffer.length), "readlinkat", name);
  return buffer.subarray(0, length);
}
