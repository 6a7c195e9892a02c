import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import {
  atCwd,
  closeFd,
  errnoOf,
  fromNodeError,
  inUserNamespace,
  mountOverlay,
  openAt,
  openFlags,
  umount,
  umountFlags,
} from "../../sys/index.ts";
import { applyToOpen, processRights } from "../extract/index.ts";
import { Tree } from "../tree/index.ts";
import type { MountRequest, SnapshotLayer } from "./snapshotter.ts";

/** Folders of a workspace that overlayfs works in. */
export interface UpperPaths {
  /** What was written. */
  readonly upper: string;
  /** Overlayfs's own. */
  readonly work: string;
  /** Empty; they stand in where there are fewer layers than overlayfs wants. */
  readonly empty: string;
  readonly spare: string;
}

export function upperPaths(workspace: string): UpperPaths {
  const at = (name: string) => join(workspace, name);
  return { upper: at("upper"), work: at("work"), empty: at("empty"), spare: at("spare") };
}

/** Where EROFS layers are mounted for a moment: beside the target, which lies in memory where that costs nothing. */
export function layersPlace(target: string): string {
  return `${target}.layers`;
}

/**
 * The upper directory must hold whole files and plain whiteouts, as the diff reads it alone: no renames by reference
 * (redirect_dir), no metadata without data (metacopy), no hardlink index. `nofollow` also ignores references that a
 * hostile layer might bring.
 */
const selfContained = ["index=off", "xino=off", "metacopy=off", "redirect_dir=nofollow"];

/** Makes the folders of a workspace. The first time, the upper directory gets the attributes of the image's root. */
export function prepareUpper(request: MountRequest): void {
  const paths = upperPaths(request.workspace);
  if (request.readonly) return;
  const isFirst = makeDirectory(paths.work);
  // The kernel's mark that a volatile mount was here. It refuses another mount because after a crash of the machine the files may be
  // incomplete; what outlived a crash is removed by whoever asked for a volatile mount, so here it was a restart.
  if (!isFirst && request.volatile)
    rmSync(join(paths.work, "work/incompat"), { recursive: true, force: true });
  if (!makeDirectory(paths.upper)) return;
  takeRootAttributes(paths.upper, request.layers);
}

/** Stacks the layers' directories (the top one first), with what lies below them, under the workspace's upper directory, on the target. */
export function mountUpper(request: MountRequest, layers: readonly string[]): void {
  const { upper, work, empty, spare } = upperPaths(request.workspace);
  const lower = request.below === undefined ? layers : [...layers, request.below];
  const options = [...selfContained];
  if (inUserNamespace()) options.push("userxattr");
  const common = { target: request.target, options };
  if (request.readonly) {
    // Without an upper directory overlayfs wants two lower ones.
    const standIns = [empty, spare].slice(lower.length);
    for (const path of standIns) makeDirectory(path);
    mountOverlay({ ...common, lower: [...lower, ...standIns] });
    return;
  }
  if (request.volatile) options.push("volatile");
  if (lower.length === 0) makeDirectory(empty);
  mountOverlay({ ...common, lower: lower.length > 0 ? lower : [empty], upper, work });
}

/** A merged root shows the attributes of the upper directory, so they must be those of the image's "/". */
function takeRootAttributes(upper: string, layers: readonly SnapshotLayer[]): void {
  using tree = Tree.open(layers);
  const fd = openAt(atCwd, upper, { flags: openFlags.readOnly | openFlags.directory });
  try {
    applyToOpen(fd, { ...tree.root, xattrs: tree.xattrs(tree.root) }, processRights());
  } finally {
    closeFd(fd);
  }
}

/** False when it was there already. */
export function makeDirectory(path: string): boolean {
  try {
    mkdirSync(path, { mode: 0o700 });
    return true;
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return false;
    throw fromNodeError(error);
  }
}

/** Detaches everything mounted on a path, what is mounted below it included. Harmless when nothing is. */
export function unmountAll(path: string): void {
  for (;;) {
    try {
      umount(path, umountFlags.detach | umountFlags.nofollow);
    } catch (error) {
      const errno = errnoOf(error);
      // EINVAL: no mount point. EPERM without root, where nothing can have been mounted either.
      if (errno === "EINVAL" || errno === "ENOENT" || errno === "EPERM") return;
      throw error;
    }
  }
}
