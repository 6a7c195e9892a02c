import { mount, mountFlags } from "./mount.ts";
import { mountNames } from "./mount-name.ts";

export interface ErofsMount {
  /** The EROFS image: a regular file (Linux 6.12 or newer) or block device. */
  readonly image: string;
  /** Files the image's chunks point into: device 1, device 2 ... */
  readonly devices: readonly string[];
  readonly target: string;
}

/**
 * Mounts an EROFS image read-only from regular files, without loop devices. Device nodes inside keep working, as they must
 * in a container. Errors: SYS_UNSUPPORTED or SYS_INVALID where the kernel lacks EROFS or file-backed mounts; SYS_IO or SYS_INVALID for a
 * damaged image.
 */
export function mountErofs(options: ErofsMount): void {
  const names = mountNames();
  try {
    mount({
      source: names.name(options.image),
      target: options.target,
      type: "erofs",
      flags: mountFlags.readonly,
      data: options.devices.map((device) => `device=${names.name(device)}`).join(","),
    });
  } finally {
    names.close();
  }
}
