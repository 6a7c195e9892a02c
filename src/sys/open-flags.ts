import { constants } from "node:fs";

/** Flags of open(2). Node's constants are this machine's; the last three are the same on x86_64 and arm64. */
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
