import { check, libc, type Pointer } from "./libc.ts";
import { cPath } from "./path.ts";

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

const needRoot = "mounting needs root (CAP_SYS_ADMIN); run as root, or choose STRAKE_SNAPSHOTTER=copy";

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
  const what = `${call.type ?? (call.flags && call.flags & mountFlags.bind ? "bind" : "mount")} on ${call.target}`;
  check(result, "mount", what, process.getuid?.() === 0 ? undefined : needRoot);
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
  // A bind mount ignores every other flag; read-only needs a second call on the new mount.
  if (options.readonly) mount({ target, flags: mountFlags.bind | mountFlags.remount | mountFlags.readonly });
}
