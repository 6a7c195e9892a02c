import { hiddenLayers } from "../tree/index.ts";
import { mountOf, overUpper } from "./over-upper.ts";
import type { Snapshotter } from "./snapshotter.ts";
import { mountUpper, prepareUpper } from "./upper.ts";

/** Layers are extracted once each, and overlayfs stacks the directories. For kernels that cannot mount EROFS from files. */
export const overlaySnapshotter: Snapshotter = {
  name: "overlay",
  ...overUpper,

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
};
