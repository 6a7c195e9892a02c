import type { Emit } from "../events/index.ts";
import { decompress, ingestTar } from "../layer/index.ts";
import type { ContainerConfig, HistoryEntry, ImageConfig, Platform } from "../oci/index.ts";
import { encodeConfig, hostPlatform } from "../oci/index.ts";
import type { Image, Layer, Lease, Store } from "../store/index.ts";

export interface ImportOptions {
  readonly lease: Lease;
  readonly signal?: AbortSignal;
  readonly emit?: Emit;
}

/** Stores a tar of a root file system, packed or not, as one layer. Errors: TAR_*, COMPRESSION_*, LAYER_ENTRY_INVALID, STORE_FULL. */
export async function importLayer(
  store: Store,
  source: AsyncIterable<Uint8Array>,
  { lease, signal }: ImportOptions,
): Promise<Layer> {
  return await ingestTar(store, decompress(source, { reuse: true, ...(signal ? { signal } : {}) }), {
    lease,
    ...(signal ? { signal } : {}),
  });
}

export interface BaseImage {
  readonly layer: Layer;
  readonly config?: ContainerConfig;
  readonly platform?: Platform;
  /** RFC 3339. */
  readonly created: string;
  readonly history: readonly HistoryEntry[];
  readonly lease: Lease;
}

/** Records an image of one layer. The same arguments give the same image. */
export async function storeBaseImage(store: Store, base: BaseImage): Promise<Image> {
  const { os, architecture, variant } = base.platform ?? hostPlatform();
  const value: ImageConfig = {
    created: base.created,
    architecture,
    os,
    ...(variant === undefined ? {} : { variant }),
    config: base.config ?? {},
    rootfs: { type: "layers", diff_ids: [base.layer.diffID] },
    history: base.history,
  };
  const { digest } = await store.blobs.put(encodeConfig(value), { lease: base.lease });
  return store.images.put({ configDigest: digest, lease: base.lease });
}
