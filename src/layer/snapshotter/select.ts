import { StrakeError } from "../../errors/index.ts";
import { isKernelAtLeast } from "../../sys/index.ts";
import { copySnapshotter } from "./copy.ts";
import { erofsSnapshotter } from "./erofs.ts";
import { type Host, hostOf } from "./host.ts";
import { overlaySnapshotter } from "./overlay.ts";
import type { Snapshotter, SnapshotterName } from "./snapshotter.ts";

/** The snapshotters, the best first. */
const snapshotters: readonly Snapshotter[] = [erofsSnapshotter, overlaySnapshotter, copySnapshotter];

/** Overlayfs cannot have its upper directory on these, or cannot stack on them what we need. */
const notBelowOverlay = new Set(["overlay", "nfs", "fuse", "vfat", "9p", "cifs"]);

/** Why a snapshotter cannot be used on a host; undefined when it can. Pure. */
export function whyUnusable(name: SnapshotterName, host: Host): string | undefined {
  if (!host.linux) return "this is not Linux";
  if (name === "copy") return undefined;
  if (!host.mayMount) return "mounting needs root (CAP_SYS_ADMIN)";
  if (notBelowOverlay.has(host.storeType))
    return `the store is on ${host.storeType}, which overlayfs cannot build on`;
  if (!host.hasFileSystem("overlay")) return "the kernel has no overlayfs";
  if (name === "overlay") {
    const old = host.userNamespace && !isKernelAtLeast(host.kernel, 5, 11);
    return old ? `overlayfs in a user namespace needs Linux 5.11, this is ${host.kernel.release}` : undefined;
  }
  // Its files have no read_folio, which the kernel needs (ENOTBLK).
  if (host.storeType === "tmpfs") return "the store is on tmpfs, from whose files EROFS cannot be mounted";
  if (host.userNamespace) return "EROFS cannot be mounted in a user namespace";
  if (!isKernelAtLeast(host.kernel, 6, 12))
    return `mounting EROFS from files needs Linux 6.12, this is ${host.kernel.release}`;
  return host.hasFileSystem("erofs") ? undefined : "the kernel has no EROFS";
}

export interface SelectOptions {
  /** The store's root directory. */
  readonly root: string;
  /** Where STRAKE_SNAPSHOTTER is looked up; default: the process's. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default: this machine. */
  readonly host?: Host;
}

/**
 * The snapshotter to use: the one STRAKE_SNAPSHOTTER names, else the best that works here. Takes microseconds: it looks at kernel
 * version, rights and /proc/filesystems, and mounts nothing.
 * Errors: SNAPSHOTTER_UNKNOWN, SNAPSHOTTER_UNUSABLE.
 */
export function selectSnapshotter(options: SelectOptions): Snapshotter {
  const wanted = (options.env ?? process.env).STRAKE_SNAPSHOTTER;
  const host = options.host ?? hostOf(options.root);
  if (wanted) {
    const snapshotter = snapshotterByName(wanted);
    const reason = whyUnusable(snapshotter.name, host);
    if (reason === undefined) return snapshotter;
    throw new StrakeError(
      "SNAPSHOTTER_UNUSABLE",
      `STRAKE_SNAPSHOTTER=${wanted} cannot be used here: ${reason}`,
      { hint: "unset STRAKE_SNAPSHOTTER to have the best one that works chosen" },
    );
  }
  for (const snapshotter of snapshotters)
    if (whyUnusable(snapshotter.name, host) === undefined) return snapshotter;
  throw new StrakeError(
    "SNAPSHOTTER_UNUSABLE",
    `there is no root file system to be had here: ${whyUnusable("copy", host)}`,
  );
}

/** A snapshotter by its name, for workspaces that were made with it. Errors: SNAPSHOTTER_UNKNOWN. */
export function snapshotterByName(name: string): Snapshotter {
  const found = snapshotters.find((snapshotter) => snapshotter.name === name);
  if (found) return found;
  throw new StrakeError("SNAPSHOTTER_UNKNOWN", `there is no snapshotter "${name}"`, {
    hint: `choose one of ${snapshotters.map((snapshotter) => snapshotter.name).join(", ")}`,
  });
}

/** All snapshotters with why they cannot be used here, for `strake info` and `strake doctor`. */
export function surveySnapshotters(root: string): { name: SnapshotterName; unusable: string | undefined }[] {
  const host = hostOf(root);
  return snapshotters.map(({ name }) => ({ name, unusable: whyUnusable(name, host) }));
}
