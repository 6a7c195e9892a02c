import { removeTree } from "../extract/index.ts";
import { hiddenLayers } from "../tree/index.ts";
import type { Mount, MountRequest, Snapshotter } from "./snapshotter.ts";
import { mountUpper, prepareUpper, unmountAll, upperPaths } from "./upper.ts";
import { diffWorkspace } from "./upper-diff.ts";
import { diskUsage } from "./usage.ts";

/** Layers are extracted once each, and overlayfs stacks the directories. For kernels that cannot mount EROFS from files. */
export const overlaySnapshotter: Snapshotter = {
  name: "overlay",
  mounts: true,

  async prepare(layers, options = {}) {
    const { extractLayers } = await import("./layer-directory.ts");
    await extractLayers(layers, options);
  },

  async mount(request) {
    await overlaySnapshotter.prepare(request.layers, { signal: request.signal });
    const { layerDirectory } = await import("./layer-directory.ts");
    prepareUpper(request);
    const visible = request.layers.slice(hiddenLayers(request.layers));
    // A chain may hold one layer twice (two RUNs that changed the same); overlayfs takes no directory twice (ELOOP), and what the
    // upper one says hides all of the lower one.
    mountUpper(request, [...new Set(visible.map(layerDirectory).reverse())]);
    return mountOf(request);
  },

  unmount({ workspace, target }) {
    unmountAll(target);
    unmountAll(upperPaths(workspace).lower);
  },

  diff: diffWorkspace,
  usage: (workspace) => diskUsage(upperPaths(workspace).upper),
  discard: removeTree,
};

function mountOf(request: MountRequest): Mount {
  return { rootfs: request.target, unmount: () => overlaySnapshotter.unmount(request) };
}
