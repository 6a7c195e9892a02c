import { rmdirSync } from "node:fs";
import { throwIfAborted } from "../../errors/index.ts";
import { atCwd, closeFd, mountErofs, openAt, openFlags } from "../../sys/index.ts";
import { hiddenLayers } from "../tree/index.ts";
import { mountOf, overUpper } from "./over-upper.ts";
import type { SnapshotLayer, Snapshotter } from "./snapshotter.ts";
import { layersPlace, makeDirectory, mountUpper, prepareUpper, unmountAll } from "./upper.ts";

/**
 * The kernel reads layers where they lie: each index is mounted with its tar as device 1, overlayfs stacks the mounts.
 * Nothing is unpacked. Needs root and Linux 6.12.
 */
export const erofsSnapshotter: Snapshotter = {
  name: "erofs",
  ...overUpper,

  async prepare() {},

  async mount(request) {
    throwIfAborted(request.signal);
    prepareUpper(request);
    const visible = request.layers.slice(hiddenLayers(request.layers));
    withLayersMounted(visible, layersPlace(request.target), (names) => mountUpper(request, names));
    return mountOf(request);
  },
};

/**
 * Mounts the layers, each over the one before on the same directory, and hands over their names, the top layer first. Overlayfs
 * keeps clones of the mounts it stacks, so they are detached again before this returns: the overlay is
 * the one mount that is left, and unmounting it frees all.
 */
function withLayersMounted(
  layers: readonly SnapshotLayer[],
  place: string,
  use: (names: readonly string[]) => void,
): void {
  const roots: number[] = [];
  // What a process that was killed while mounting left there.
  if (!makeDirectory(place)) unmountAll(place);
  try {
    for (const { indexPath, tarPath } of layers) {
      mountErofs({ image: indexPath, devices: [tarPath], target: place });
      // A new descriptor means the mount that is on top now, and goes on meaning it.
      roots.unshift(openAt(atCwd, place, { flags: openFlags.path | openFlags.directory }));
    }
    use(roots.map((fd) => `/proc/self/fd/${fd}`));
  } finally {
    for (const fd of roots) closeFd(fd);
    unmountAll(place);
    rmdirSync(place);
  }
}
