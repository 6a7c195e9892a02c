import { errnoName, sysError } from "./errno.ts";
import { check, errno, libc, type Pointer } from "./libc.ts";
import { cPath } from "./path.ts";
import { syscall } from "./syscall.ts";

/** Flags of mount(2). */
export const mountFlags = {
  readonly: 1,
  nosuid: 2,
  nodev: 4,
  noexec: 8,
  remount: 32,
  bind: 4096,
  move: 8192,
  recursive: 16384,
  silent: 32768,
  unbindable: 1 << 17,
  private: 1 << 18,
  slave: 1 << 19,
  shared: 1 << 20,
  relatime: 1 << 21,
} as const;

/** Flags of umount2(2). `detach` hides the mount now and frees it when its last user is gone. */
export const umountFlags = { force: 1, detach: 2, expire: 4, nofollow: 8 } as const;

export interface MountCall {
  readonly source?: string;
  readonly target: string;
  /** File system type; absent for bind, remount and propagation changes. */
  readonly type?: string;
  /** Sum of `mountFlags`. */
  readonly flags?: number;
  /** File system options, at most 4095 bytes. */
  readonly data?: string;
}

const hints: Readonly<Record<string, string>> = {
  EPERM: "mounting needs root (CAP_SYS_ADMIN); run as root, or choose STRAKE_SNAPSHOTTER=copy",
  ENODEV: "the kernel has no such file system, or its module is not installed",
  ENOTBLK: "this kernel mounts that file system from block devices only; choose STRAKE_SNAPSHOTTER=overlay",
};

/** mount(2). Neither idempotent nor undone by itself. Errors: SYS_* by errno. */
export function mount(call: MountCall): void {
  const optional = (text: string | undefined): Pointer => (text === undefined ? null : cPath(text));
  const result = libc().mount(
    optional(call.source),
    cPath(call.target),
    optional(call.type),
    call.flags ?? 0,
    optional(call.data),
  );
  if (result === 0) return;
  const number = errno();
  const isBind = ((call.flags ?? 0) & mountFlags.bind) !== 0;
  const path = `${call.type ?? (isBind ? "bind" : "change")} on ${call.target}`;
  throw sysError(number, { call: "mount", path, hint: hints[errnoName(number)] });
}

/** umount2(2). Errors: SYS_INVALID when nothing is mounted there, SYS_BUSY when in use and not detached. */
export function umount(target: string, flags: number = umountFlags.nofollow): void {
  check(libc().umount2(cPath(target), flags), "umount2", target);
}

/** Bind mount of a file or directory, with what is mounted below it when `recursive`. */
export function bindMount(
  source: string,
  target: string,
  options: { recursive?: boolean; readonly?: boolean } = {},
): void {
  const recursive = options.recursive ? mountFlags.recursive : 0;
  mount({ source, target, flags: mountFlags.bind | recursive });
  // A bind mount ignores every other flag; read-only is a second step.
  if (options.readonly) makeReadonly(target, options.recursive ?? false);
}

const atCwd = -100;
const recursiveAttribute = 0x8000;
const readonlyAttribute = 1n;

/**
 * mount_setattr(2), Linux 5.12: adds read-only and leaves nosuid, nodev and noexec of the source as they are, for all
 * mounts below too. Before that a remount has to do, of this one mount.
 */
function makeReadonly(target: string, recursive: boolean): void {
  // struct mount_attr: attr_set, attr_clr, propagation, userns_fd.
  const attributes = new Uint8Array(BigUint64Array.of(readonlyAttribute, 0n, 0n, 0n).buffer);
  const flags = recursive ? recursiveAttribute : 0;
  if (syscall("mount_setattr", atCwd, cPath(target), flags, attributes, attributes.length) === 0) return;
  const number = errno();
  if (errnoName(number) !== "ENOSYS") throw sysError(number, { call: "mount_setattr", path: target });
  mount({ target, flags: mountFlags.bind | mountFlags.remount | mountFlags.readonly });
}
