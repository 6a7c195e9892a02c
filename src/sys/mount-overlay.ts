import { StrakeError } from "../errors/index.ts";
import { errnoOf } from "./errno.ts";
import { mount, mountFlags } from "./mount.ts";
import { mountNames } from "./mount-name.ts";
import { longestParameter, mountAttributes, mountNew } from "./new-mount.ts";

/** OVL_MAX_STACK: no kernel stacks more. */
export const maxLowerLayers = 500;

/** mount(2) copies one page of options, the NUL among them. */
const longestData = 4095;

export interface OverlayMount {
  /** Lower directories, the top one first, as the kernel wants them: 1 to 500. */
  readonly lower: readonly string[];
  /** Directory that takes the changes. Without `upper` and `work` the mount is read-only and needs two lower ones. */
  readonly upper?: string;
  /** Empty directory on the same file system as `upper`. */
  readonly work?: string;
  readonly target: string;
  /** Further options of overlayfs, `key=value` or `key`. */
  readonly options?: readonly string[];
  /** How to hand the options over; by their length when absent: an option string if they fit. */
  readonly api?: "parameters" | "descriptors";
}

/**
 * Mounts an overlay. Option strings longer than a page go through fsconfig's `lowerdir+` (Linux 6.7), and before that kernel
 * through descriptors, whose names are short. Errors: SYS_INVALID for more than 500 layers, for an upper directory on a file system that
 * overlayfs cannot write to (another overlay, NFS), and for nesting deeper than two overlays.
 */
export function mountOverlay(options: OverlayMount): void {
  if (options.lower.length === 0 || options.lower.length > maxLowerLayers)
    throw new StrakeError(
      "SYS_INVALID",
      `an overlay takes 1 to ${maxLowerLayers} lower layers, not ${options.lower.length}`,
      { hint: "merge some layers (`strake build --squash`)" },
    );
  if (options.api === "parameters") mountByParameters(options);
  else if (options.api === "descriptors") mountByDescriptors(options);
  else if (!mountByData(options)) mountMany(options);
}

function mountMany(options: OverlayMount): void {
  try {
    mountByParameters(options);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== "EINVAL" && errno !== "ENOSYS") throw error;
    mountByDescriptors(options);
  }
}

function upperOptions(options: OverlayMount, name: (path: string) => string): [string, string][] {
  if (options.upper === undefined || options.work === undefined) return [];
  return [
    ["upperdir", name(options.upper)],
    ["workdir", name(options.work)],
  ];
}

/** The classic way; false, and nothing done, when the options do not fit into a page. */
function mountByData(options: OverlayMount): boolean {
  const names = mountNames();
  try {
    const data = overlayData(options, options.lower.map(names.name), names.name);
    if (Buffer.byteLength(data) > longestData) return false;
    mount({ source: "overlay", target: options.target, type: "overlay", flags: readonlyFlag(options), data });
    return true;
  } finally {
    names.close();
  }
}

function overlayData(
  options: OverlayMount,
  lower: readonly string[],
  name: (path: string) => string,
): string {
  const upper = upperOptions(options, name).map(([key, value]) => `${key}=${value}`);
  return [`lowerdir=${lower.join(":")}`, ...upper, ...(options.options ?? [])].join(",");
}

function readonlyFlag(options: OverlayMount): number {
  return options.upper === undefined ? mountFlags.readonly : 0;
}

function mountByParameters(options: OverlayMount): void {
  const names = mountNames({ longest: longestParameter });
  try {
    const extra = (options.options ?? []).map((option) => option.split(/=(.*)/s, 2) as [string, string?]);
    mountNew({
      type: "overlay",
      target: options.target,
      parameters: [
        ["source", "overlay"],
        ...options.lower.map((path): [string, string] => ["lowerdir+", names.name(path)]),
        ...upperOptions(options, names.name),
        ...extra,
      ],
      attributes: options.upper === undefined ? mountAttributes.readonly : 0,
    });
  } finally {
    names.close();
  }
}

/**
 * For kernels before `lowerdir+`: every layer is opened and named by its number alone, relative to /proc/self/fd. The
 * working directory is the process's, so it is changed only around the one synchronous call.
 */
function mountByDescriptors(options: OverlayMount): void {
  const names = mountNames({ longest: 0 });
  const before = process.cwd();
  try {
    const number = (path: string) => names.name(path).replace("/proc/self/fd/", "");
    const data = overlayData(options, options.lower.map(number), number);
    process.chdir("/proc/self/fd");
    mount({ source: "overlay", target: options.target, type: "overlay", flags: readonlyFlag(options), data });
  } finally {
    process.chdir(before);
    names.close();
  }
}
