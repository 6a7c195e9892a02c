import { closeSync } from "node:fs";
import { check } from "./libc.ts";
import { cPath } from "./path.ts";
import { syscall } from "./syscall.ts";

/** The mount API of Linux 5.2: no page-sized option string, one call per option. */

const fsopenCloexec = 1;
const fsmountCloexec = 1;
const commands = { flag: 0, string: 1, create: 6 } as const;
const moveFromEmptyPath = 4;

/** Attributes of a mount made by `mountNew` (MOUNT_ATTR_*). */
export const mountAttributes = { readonly: 1, nosuid: 2, nodev: 4, noexec: 8, noatime: 0x10 } as const;

/** fsconfig(2) copies at most 256 bytes of a value, the NUL among them. */
export const longestParameter = 255;

export interface NewMount {
  readonly type: string;
  readonly target: string;
  /** Parameters in order; one without a value is a flag. `source` is one of them. */
  readonly parameters: readonly (readonly [key: string, value?: string])[];
  /** Sum of `mountAttributes`. */
  readonly attributes?: number;
}

/**
 * fsopen(2), fsconfig(2), fsmount(2), move_mount(2): mounts a new file system on `target`. Nothing is left open or
 * mounted when it throws. SYS_INVALID with the key in the message when the kernel does not know a parameter.
 */
export function mountNew(options: NewMount): void {
  const context = check(syscall("fsopen", cPath(options.type), fsopenCloexec), "fsopen", options.type);
  let mounted = -1;
  try {
    for (const [key, value] of options.parameters) {
      const command = value === undefined ? commands.flag : commands.string;
      const result = syscall(
        "fsconfig",
        context,
        command,
        cPath(key),
        value === undefined ? null : cPath(value),
        0,
      );
      check(result, "fsconfig", `${options.type} ${key}${value === undefined ? "" : `=${value}`}`);
    }
    const what = `${options.type} on ${options.target}`;
    check(syscall("fsconfig", context, commands.create, null, null, 0), "fsconfig", what);
    mounted = check(syscall("fsmount", context, fsmountCloexec, options.attributes ?? 0), "fsmount", what);
    attach(mounted, options.target);
  } finally {
    closeSync(context);
    if (mounted >= 0) closeSync(mounted);
  }
}

const atCwd = -100;

function attach(mounted: number, target: string): void {
  const result = syscall("move_mount", mounted, cPath(""), atCwd, cPath(target), moveFromEmptyPath);
  check(result, "move_mount", target);
}

/**
 * Whether the kernel can mount a file system type now, its module being loaded for the question if there is one. Needs the
 * right to mount; false without.
 */
export function canOpenFileSystem(type: string): boolean {
  const context = syscall("fsopen", cPath(type), fsopenCloexec);
  if (context < 0) return false;
  closeSync(context);
  return true;
}
