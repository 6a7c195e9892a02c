import { type MountInfo, readMountInfo } from "./mountinfo.ts";

/**
 * How the host lays out its control groups: `unified` (version 2 only), `legacy` (version 1 only), `hybrid` (version 1
 * controllers and a version 2 tree beside them), `none`.
 */
export type CgroupMode = "unified" | "legacy" | "hybrid" | "none";

export interface CgroupLayout {
  readonly mode: CgroupMode;
  /** Mount point of the version 2 tree, if there is one. */
  readonly unified: string | undefined;
  /** Mount point of each version 1 controller, by name (`memory`); named hierarchies as `name=systemd`. */
  readonly controllers: ReadonlyMap<string, string>;
}

/** Options of a version 1 mount that are not controllers. */
const notControllers = new Set(["rw", "ro", "xattr", "clone_children", "noprefix", "relatime", "nsdelegate"]);

/** The layout seen through a list of mounts. Pure. A later mount on the same place hides the earlier. */
export function cgroupLayout(mounts: readonly MountInfo[]): CgroupLayout {
  let unified: string | undefined;
  const controllers = new Map<string, string>();
  for (const { type, mountPoint, superOptions } of mounts) {
    if (type === "cgroup2") unified ??= mountPoint;
    if (type !== "cgroup") continue;
    for (const option of superOptions) {
      if (notControllers.has(option) || option.startsWith("release_agent=")) continue;
      if (!controllers.has(option)) controllers.set(option, mountPoint);
    }
  }
  const legacy = controllers.size > 0;
  const mode = unified !== undefined ? (legacy ? "hybrid" : "unified") : legacy ? "legacy" : "none";
  return { mode, unified, controllers };
}

/** The layout of this host, as this process sees it; `none` off Linux. */
export function readCgroupLayout(): CgroupLayout {
  try {
    return cgroupLayout(readMountInfo());
  } catch {
    return cgroupLayout([]);
  }
}
