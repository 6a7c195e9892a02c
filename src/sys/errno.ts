import { type ErrorCode, StrakeError } from "../errors/index.ts";

/**
 * Linux errno numbers (the same on x86_64 and arm64) with the text strerror(3) has for them, for those that the
 * calls of this floor return. The table is here because strerror's text follows the locale.
 */
const table: Readonly<Record<number, readonly [name: string, text: string]>> = {
  1: ["EPERM", "operation not permitted"],
  2: ["ENOENT", "no such file or directory"],
  3: ["ESRCH", "no such process"],
  4: ["EINTR", "interrupted system call"],
  5: ["EIO", "input/output error"],
  6: ["ENXIO", "no such device or address"],
  7: ["E2BIG", "argument list too long"],
  9: ["EBADF", "bad file descriptor"],
  10: ["ECHILD", "no child processes"],
  11: ["EAGAIN", "resource temporarily unavailable"],
  12: ["ENOMEM", "cannot allocate memory"],
  13: ["EACCES", "permission denied"],
  14: ["EFAULT", "bad address"],
  15: ["ENOTBLK", "block device required"],
  16: ["EBUSY", "device or resource busy"],
  17: ["EEXIST", "file exists"],
  18: ["EXDEV", "invalid cross-device link"],
  19: ["ENODEV", "no such device"],
  20: ["ENOTDIR", "not a directory"],
  21: ["EISDIR", "is a directory"],
  22: ["EINVAL", "invalid argument"],
  23: ["ENFILE", "too many open files in system"],
  24: ["EMFILE", "too many open files"],
  25: ["ENOTTY", "inappropriate ioctl for device"],
  26: ["ETXTBSY", "text file busy"],
  27: ["EFBIG", "file too large"],
  28: ["ENOSPC", "no space left on device"],
  29: ["ESPIPE", "illegal seek"],
  30: ["EROFS", "read-only file system"],
  31: ["EMLINK", "too many links"],
  32: ["EPIPE", "broken pipe"],
  34: ["ERANGE", "numerical result out of range"],
  35: ["EDEADLK", "resource deadlock avoided"],
  36: ["ENAMETOOLONG", "file name too long"],
  37: ["ENOLCK", "no locks available"],
  38: ["ENOSYS", "function not implemented"],
  39: ["ENOTEMPTY", "directory not empty"],
  40: ["ELOOP", "too many levels of symbolic links"],
  61: ["ENODATA", "no data available"],
  71: ["EPROTO", "protocol error"],
  75: ["EOVERFLOW", "value too large for defined data type"],
  87: ["EUSERS", "too many users"],
  95: ["EOPNOTSUPP", "operation not supported"],
  116: ["ESTALE", "stale file handle"],
  117: ["EUCLEAN", "structure needs cleaning"],
  122: ["EDQUOT", "disk quota exceeded"],
};

let numberOfName: ReadonlyMap<string, number> | undefined;

const codeOfErrno: Readonly<Record<string, ErrorCode>> = {
  ENOENT: "SYS_NOT_FOUND",
  ESRCH: "SYS_NOT_FOUND",
  ENODATA: "SYS_NOT_FOUND",
  ECHILD: "SYS_NOT_FOUND",
  EEXIST: "SYS_EXISTS",
  ENOTEMPTY: "SYS_EXISTS",
  EPERM: "SYS_DENIED",
  EACCES: "SYS_DENIED",
  EROFS: "SYS_DENIED",
  EBUSY: "SYS_BUSY",
  ETXTBSY: "SYS_BUSY",
  EDEADLK: "SYS_BUSY",
  ENOSPC: "SYS_EXHAUSTED",
  EDQUOT: "SYS_EXHAUSTED",
  ENOMEM: "SYS_EXHAUSTED",
  EMFILE: "SYS_EXHAUSTED",
  ENFILE: "SYS_EXHAUSTED",
  EMLINK: "SYS_EXHAUSTED",
  ENOLCK: "SYS_EXHAUSTED",
  EUSERS: "SYS_EXHAUSTED",
  EFBIG: "SYS_EXHAUSTED",
  EINVAL: "SYS_INVALID",
  ENOTDIR: "SYS_INVALID",
  EISDIR: "SYS_INVALID",
  ELOOP: "SYS_INVALID",
  ENAMETOOLONG: "SYS_INVALID",
  EXDEV: "SYS_INVALID",
  ERANGE: "SYS_INVALID",
  EOVERFLOW: "SYS_INVALID",
  E2BIG: "SYS_INVALID",
  ENOTBLK: "SYS_INVALID",
  ENOTTY: "SYS_INVALID",
  ENOSYS: "SYS_UNSUPPORTED",
  EOPNOTSUPP: "SYS_UNSUPPORTED",
  ENODEV: "SYS_UNSUPPORTED",
  EIO: "SYS_IO",
  EUCLEAN: "SYS_IO",
  ESTALE: "SYS_IO",
  ENXIO: "SYS_IO",
  EINTR: "SYS_INTERRUPTED",
  EAGAIN: "SYS_INTERRUPTED",
};

const hintOfErrno: Readonly<Record<string, string>> = {
  ENOSPC: "free disk space or inodes on that file system (`strake gc`, `strake df`)",
  EDQUOT: "the disk quota of this user is used up; free space or raise the quota",
  EMFILE: "raise the limit of open files (`ulimit -n`)",
  ENFILE: "the whole system is out of file descriptors; close programs or raise fs.file-max",
  ENOMEM: "free memory, or raise the memory limit of this process",
};

/** Symbolic name of an errno number, for example `ENOENT` for 2. */
export function errnoName(errno: number): string {
  return table[errno]?.[0] ?? `E${errno}`;
}

/** Number of an errno name; 0 when unknown. */
export function errnoNumber(name: string): number {
  numberOfName ??= new Map(Object.entries(table).map(([number, [known]]) => [known, Number(number)]));
  return numberOfName.get(name) ?? 0;
}

/** What was attempted when a call failed. */
export interface Attempt {
  /** Name of the system call. */
  readonly call: string;
  /** The path, or the sentence part that stands for it (`overlay on /mnt`). */
  readonly path?: string;
  readonly hint?: string;
}

/** The cause inside a failed call's StrakeError; shaped like the errors of node:fs. */
interface ErrnoCause extends Error {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
  readonly path: string | undefined;
}

/**
 * The StrakeError for a failed call: its code follows the errno, its message names call, path, errno and text. Read
 * the errno back with `errnoOf`.
 */
export function sysError(errno: number, attempt: Attempt): StrakeError {
  const name = errnoName(errno);
  const text = table[errno]?.[1] ?? "unknown error";
  const message = `${attempt.call}${attempt.path === undefined ? "" : ` ${attempt.path}`}: ${name}: ${text}`;
  const cause = Object.assign(new Error(message), {
    code: name,
    errno: -errno,
    syscall: attempt.call,
    path: attempt.path,
  }) satisfies ErrnoCause;
  return new StrakeError(codeOfErrno[name] ?? "SYS_FAILED", message, {
    hint: attempt.hint ?? hintOfErrno[name],
    cause,
  });
}

/**
 * The errno name behind any thrown value: errors of this floor, of node:fs, and StrakeErrors that carry either as
 * their cause. Undefined when there is none.
 */
export function errnoOf(thrown: unknown): string | undefined {
  for (let error = thrown, depth = 0; error instanceof Error && depth < 8; depth++) {
    const { code } = error as { code?: unknown };
    if (!(error instanceof StrakeError) && typeof code === "string" && /^E[A-Z0-9]+$/.test(code)) return code;
    error = error.cause as Error;
  }
  return undefined;
}

/** An error of node:fs (or anything with an errno code) as a StrakeError of this floor; others as they are. */
export function fromNodeError(thrown: unknown, hint?: string): unknown {
  if (thrown instanceof StrakeError || !(thrown instanceof Error)) return thrown;
  const { code, syscall, path } = thrown as { code?: string; syscall?: string; path?: string };
  const number = code === undefined ? 0 : errnoNumber(code);
  if (number === 0) return thrown;
  return sysError(number, { call: syscall ?? "call", path, hint });
}
