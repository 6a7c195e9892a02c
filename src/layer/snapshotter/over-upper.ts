import { removeTree } from "../extract/index.ts";
import type { Mount, MountRequest, Snapshotter } from "./snapshotter.ts";
import { unmountAll, upperPaths } from "./upper.ts";
import { diffWorkspace } from "./upper-diff.ts";
import { diskUsage } from "./usage.ts";

function unmount({ workspace, target }: Pick<MountRequest, "workspace" | "target">): void {
  unmountAll(target);
  unmountAll(upperPaths(workspace).lower);
}

/** What snapshotters that stack layers by overlayfs have in common: all but how a layer becomes a lower directory. */
export const overUpper = {
  mounts: true,
  unmount,
  diff: diffWorkspace,
  usage: (workspace) => diskUsage(upperPaths(workspace).upper),
  discard: removeTree,
} satisfies Omit<Snapshotter, "name" | "prepare" | "mount">;

export function mountOf(request: MountRequest): Mount {
  return { rootfs: request.target, unmount: () => unmount(request) };
}
