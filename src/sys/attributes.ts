import { check, libc } from "./libc.ts";
import { cPath } from "./path.ts";

const noFollow = 0x100;

/** A time as tar headers have it: whole seconds since the epoch (may be negative) and nanoseconds. */
export interface FileTime {
  readonly sec: number;
  readonly nsec: number;
}

/** chmod of an open file. Needs a real descriptor; for O_PATH ones use `chmodDescriptorPath`. */
export function fchmod(fd: number, mode: number): void {
  check(libc().fchmod(fd, mode), "fchmod", `descriptor ${fd}`);
}

/**
 * chmod of whatever an O_PATH descriptor names, through /proc: the one way that can neither follow a symlink nor needs to open
 * the file (opening a fifo or device has effects). SYS_UNSUPPORTED for a symlink, which has no mode.
 */
export function chmodDescriptorPath(fd: number, mode: number): void {
  check(libc().fchmodat(-100, cPath(`/proc/self/fd/${fd}`), mode, 0), "chmod", `descriptor ${fd}`);
}

/** fchown(2). The kernel drops setuid, setgid and security.capability on it: set those afterwards. */
export function fchown(fd: number, uid: number, gid: number): void {
  check(libc().fchown(fd, uid, gid), "fchown", `descriptor ${fd}`, ownerHint);
}

/** Owner of `name` in `directory`, of the symlink itself if it is one. */
export function chownAt(directory: number, name: string, uid: number, gid: number): void {
  check(libc().fchownat(directory, cPath(name), uid, gid, noFollow), "fchownat", name, ownerHint);
}

const ownerHint = process.getuid?.() === 0 ? undefined : "giving files to another owner needs root";

/** Access and modification time of `name` in `directory`, of the symlink itself if it is one. */
export function setTimesAt(directory: number, name: string, accessed: FileTime, modified: FileTime): void {
  const times = encodeTimes(accessed, modified);
  check(libc().utimensat(directory, cPath(name), times, noFollow), "utimensat", name);
}

/** Access and modification time of an open file. */
export function setTimes(fd: number, accessed: FileTime, modified: FileTime): void {
  check(libc().futimens(fd, encodeTimes(accessed, modified)), "futimens", `descriptor ${fd}`);
}

/** struct timespec[2], two 64-bit words each on both machines. */
function encodeTimes(accessed: FileTime, modified: FileTime): Uint8Array {
  const words = new BigInt64Array([
    BigInt(accessed.sec),
    BigInt(accessed.nsec),
    BigInt(modified.sec),
    BigInt(modified.nsec),
  ]);
  return new Uint8Array(words.buffer);
}
