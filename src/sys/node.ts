import { StrakeError } from "../errors/index.ts";
import { errnoName, sysError } from "./errno.ts";
import { check, errno, libc } from "./libc.ts";
import { cPath } from "./path.ts";
import { syscall } from "./syscall.ts";

/*
 * Making, linking, moving and removing names relative to a directory descriptor. None of these calls follows a symlink at
 * the last component of `name`; they do follow symlinks in front of it, so code that handles foreign
 * trees passes single components and opens each parent itself.
 */

const fileTypes = {
  file: 0o100000,
  char: 0o020000,
  block: 0o060000,
  fifo: 0o010000,
  socket: 0o140000,
} as const;

/** A device number in the 32-bit form the kernel takes and gives. Errors: SYS_INVALID when it has no such form. */
export function makeDevice(major: number, minor: number): number {
  if (major < 0 || major > 0xfff || minor < 0 || minor > 0xfffff)
    throw new StrakeError(
      "SYS_INVALID",
      `there is no device number ${major}:${minor} (at most 4095:1048575)`,
    );
  return ((minor & 0xff) | (major << 8) | ((minor & 0xfff00) << 12)) >>> 0;
}

/** Major and minor of the `rdev` of a stat call. */
export function splitDevice(device: number): { major: number; minor: number } {
  // High halves of the 64-bit glibc form are zero for every number Linux hands out.
  return {
    major: (device >>> 8) & 0xfff,
    minor: (device & 0xff) | ((device >>> 12) & 0xfff00),
  };
}

export interface NodeOptions {
  readonly type: keyof typeof fileTypes;
  readonly mode: number;
  readonly major?: number;
  readonly minor?: number;
}

/** mknodat(2): a device node, fifo, socket or empty file. The mode is subject to the umask. */
export function mknodAt(directory: number, name: string, options: NodeOptions): void {
  const device = makeDevice(options.major ?? 0, options.minor ?? 0);
  const hint =
    options.type === "char" || options.type === "block" ? "making device nodes needs root" : undefined;
  const result = syscall("mknodat", directory, cPath(name), fileTypes[options.type] | options.mode, device);
  check(result, "mknodat", name, hint);
}

/** mkfifo(3) in a directory. */
export function mkfifoAt(directory: number, name: string, mode: number): void {
  mknodAt(directory, name, { type: "fifo", mode });
}

/** mkdirat(2). False, and nothing done, when the name exists already, whatever it is. */
export function mkdirAt(directory: number, name: string, mode: number): boolean {
  return madeOrExists(libc().mkdirat(directory, cPath(name), mode), "mkdirat", name);
}

/** symlinkat(2); the target is stored as it is. */
export function symlinkAt(target: string, directory: number, name: string): void {
  check(libc().symlinkat(cPath(target), directory, cPath(name)), "symlinkat", name);
}

/** linkat(2) without following: a link to a symlink is a link to the symlink itself. */
export function linkAt(from: number, name: string, to: number, newName: string): void {
  check(libc().linkat(from, cPath(name), to, cPath(newName), 0), "linkat", `${name} to ${newName}`);
}

const removeDirectory = 0x200;

/** unlinkat(2). False when there was no such name. */
export function unlinkAt(directory: number, name: string): boolean {
  return doneOrAbsent(libc().unlinkat(directory, cPath(name), 0), "unlinkat", name);
}

/** unlinkat(2) of an empty directory. False when there was no such name. */
export function rmdirAt(directory: number, name: string): boolean {
  return doneOrAbsent(libc().unlinkat(directory, cPath(name), removeDirectory), "rmdir", name);
}

/** Errors of the two calls below that say what kind of thing a name is, and no more. */
const ofDirectory = ["EISDIR", "EPERM"];
const ofKept = ["ENOTDIR", "ENOTEMPTY", "EBUSY", "EACCES", "EPERM"];

/**
 * unlinkat(2) of a name that may be a directory: false for one, without the price of an exception. Linux says EISDIR, POSIX EPERM.
 */
export function removeFileAt(directory: number, name: string): boolean {
  const result = libc().unlinkat(directory, cPath(name), 0);
  if (result === -1 && ofDirectory.includes(errnoName(errno()))) return false;
  doneOrAbsent(result, "unlinkat", name);
  return true;
}

/** unlinkat(2) of a directory that may hold something, be mounted on, be locked or be none: false then. */
export function removeEmptyAt(directory: number, name: string): boolean {
  const result = libc().unlinkat(directory, cPath(name), removeDirectory);
  if (result === -1 && ofKept.includes(errnoName(errno()))) return false;
  doneOrAbsent(result, "rmdir", name);
  return true;
}

/** Flags of renameat2(2). */
export const renameFlags = { noReplace: 1, exchange: 2, whiteout: 4 } as const;

/** renameat2(2); atomic. With `exchange` both names exist before and after. */
export function renameAt(from: number, name: string, to: number, newName: string, flags = 0): void {
  const result = libc().renameat2(from, cPath(name), to, cPath(newName), flags);
  check(result, "renameat2", `${name} to ${newName}`);
}

function madeOrExists(result: number, call: string, name: string): boolean {
  return unlessErrno(result, "EEXIST", call, name);
}

function doneOrAbsent(result: number, call: string, name: string): boolean {
  return unlessErrno(result, "ENOENT", call, name);
}

function unlessErrno(result: number, expected: string, call: string, name: string): boolean {
  if (result === 0) return true;
  const number = errno();
  if (errnoName(number) === expected) return false;
  throw sysError(number, { call, path: name });
}
