import { closeSync } from "node:fs";
import { errnoName, sysError } from "./errno.ts";
import { check, errno, libc } from "./libc.ts";
import { openByWalk } from "./open-by-walk.ts";
import { type OpenOptions, openFlags } from "./open-flags.ts";
import { cPath } from "./path.ts";
import { syscall } from "./syscall.ts";

/** Stands for the working directory in the *at calls; absolute paths ignore it. */
export const atCwd = -100;

/** Undefined until a call failed in a way that may mean that there is no openat2 here. */
let hasOpenat2: boolean | undefined;

/**
 * openat2(2): opens `path` below the directory descriptor `directory`. The descriptor is the caller's, to be closed with
 * `closeFd`. Errors: SYS_NOT_FOUND, SYS_INVALID (ELOOP, EXDEV, ENOTDIR) for what the resolution forbids. EAGAIN, which the kernel gives
 * when a rename raced with `..`, is tried again. Where there is no openat2 (Linux before 5.6, seccomp profiles that do not know it) the names are walked
 * one by one with the same outcome: see `openByWalk`.
 */
export function openAt(directory: number, path: string, options: OpenOptions): number {
  const name = cPath(path);
  for (let attempt = 0; ; attempt++) {
    const fd =
      hasOpenat2 === false ? openWithout(directory, path, options) : openat2(directory, name, options);
    if (fd >= 0) return fd;
    const said = errnoName(-fd);
    if (hasOpenat2 === undefined && (said === "ENOSYS" || said === "EPERM")) {
      // Old profiles say EPERM for what they do not know; a file may say it too.
      const probe = openat2(atCwd, cPath("."), { flags: openFlags.path });
      if (probe >= 0) closeSync(probe);
      hasOpenat2 = probe >= 0 || !["ENOSYS", "EPERM"].includes(errnoName(-probe));
      if (!hasOpenat2) continue;
    }
    const again = said === "EAGAIN" && (options.flags & openFlags.nonblock) === 0;
    if (again && attempt < 128) continue;
    throw sysError(-fd, { call: hasOpenat2 === false ? "openat" : "openat2", path });
  }
}

/** A descriptor, or an errno as a negative number. */
function openat2(directory: number, name: Uint8Array, { flags, mode = 0, resolve = 0 }: OpenOptions): number {
  const how = new BigUint64Array([BigInt(flags | openFlags.cloexec), BigInt(mode), BigInt(resolve)]);
  const bytes = new Uint8Array(how.buffer);
  const fd = syscall("openat2", directory, name, bytes, bytes.length);
  return fd >= 0 ? fd : -errno();
}

function openWithout(directory: number, path: string, options: OpenOptions): number {
  if (options.resolve) return openByWalk(directory, path, options);
  const fd = syscall("openat", directory, cPath(path), options.flags | openFlags.cloexec, options.mode ?? 0);
  return fd >= 0 ? fd : -errno();
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
