import { rmSync } from "node:fs";
import { removeTree } from "../extract/index.ts";
import type { Mount, MountRequest, Snapshotter } from "./snapshotter.ts";
import { layersPlace, unmountAll, upperPaths } from "./upper.ts";
import { diffWorkspace } from "./upper-diff.ts";
import { diskUsage } from "./usage.ts";

function unmount({ target }: Pick<MountRequest, "target">): void {
  unmountAll(target);
  // What a process that was killed while mounting left.
  unmountAll(layersPlace(target));
}

/** Overlayfs's own folder is nested, and its names are known: what needs no care is quicker without. */
function discard(workspace: string): void {
  try {
    rmSync(upperPaths(workspace).work, { recursive: true, force: true });
  } catch {
    // Mode 0, which only root enters.
  }
  removeTree(workspace);
}

/** What snapshotters that stack layers by overlayfs have in common: all but how a layer becomes a lower directory. */
export const overUpper = {
  mounts: true,
  unmount,
  diff: diffWorkspace,
  usage: (workspace) => diskUsage(upperPaths(workspace).upper),
  discard,
} satisfies Omit<Snapshotter, "name" | "prepare" | "mount">;

export function mountOf(request: MountRequest): Mount {
  return { rootfs: request.target, unmount: () => unmount(request) };
}
