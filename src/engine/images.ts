import { type Digest, decodeConfig, type ImageConfig } from "../oci/index.ts";
import type { Image, Store } from "../store/index.ts";

export interface ImageSummary {
  readonly image: Image;
  /** Bytes of all layers, uncompressed. */
  readonly size: number;
  readonly layers: readonly LayerSize[];
  /** IDs of the containers made from it. */
  readonly containers: readonly string[];
}

export interface LayerSize {
  readonly diffID: Digest;
  readonly size: number;
  readonly entries: number;
}

export function summarize(store: Store, image: Image): ImageSummary {
  const layers = store.layers
    .all(image.diffIDs)
    .map(({ diffID, size, entries }) => ({ diffID, size, entries }));
  return {
    image,
    size: layers.reduce((sum, layer) => sum + layer.size, 0),
    layers,
    containers: store.images.usedBy(image.id),
  };
}

export function imageConfig(store: Store, image: Image): ImageConfig {
  return decodeConfig(store.blobs.readSync(image.id)).value;
}
