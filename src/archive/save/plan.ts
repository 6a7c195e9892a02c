import { throwIfAborted } from "../../errors/index.ts";
import { type Emit, emitNothing } from "../../events/index.ts";
import { compress } from "../../layer/index.ts";
import {
  type Compression,
  type Descriptor,
  type Digest,
  decodeManifest,
  encodeManifest,
  layerMediaType,
  type Manifest,
  mediaTypes,
  parseLayerType,
  sha256,
} from "../../oci/index.ts";
import type { Image, Layer, Lease, Store } from "../../store/index.ts";

/** A blob of the archive: bytes at hand, or a file of the store. */
export interface SavedBlob {
  readonly digest: Digest;
  readonly size: number;
  readonly content: Uint8Array | { readonly path: string };
}

/** One image as it will stand in the archive. */
export interface SavedImage {
  readonly image: Image;
  readonly manifest: Descriptor;
  readonly config: Digest;
  readonly layers: readonly Digest[];
  readonly blobs: readonly SavedBlob[];
}

export interface PlanOptions {
  /** How layers are packed; as the image's own manifest has them when absent. */
  readonly compression?: Compression;
  /** Only OCI media types: a Docker manifest is written anew. */
  readonly onlyOCI: boolean;
  readonly lease: Lease;
  readonly signal?: AbortSignal;
  readonly emit?: Emit;
}

/**
 * What is written for an image. The manifest it was pulled, loaded or built with is passed on byte for byte when the
 * store has all it names; else one is made. Packed layers are remembered, so the next time costs nothing.
 */
export async function planImage(store: Store, image: Image, options: PlanOptions): Promise<SavedImage> {
  const layers = store.layers.intact(image.diffIDs);
  const config: SavedBlob = blobOf(store, image.id);
  const own =
    options.compression === undefined ? ownManifest(store, image, { layers, ...options }) : undefined;
  if (own) return { image, config: image.id, ...own, blobs: [own.blob, config, ...own.layerBlobs] };

  const layerBlobs: (SavedBlob & { readonly mediaType: string })[] = [];
  for (const layer of layers) layerBlobs.push(await formOf(store, layer, options));
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: { mediaType: mediaTypes.ociConfig, digest: image.id, size: config.size },
    layers: layerBlobs.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
  };
  const bytes = encodeManifest(manifest);
  const blob = { digest: sha256(bytes), size: bytes.length, content: bytes };
  return {
    image,
    manifest: { mediaType: mediaTypes.ociManifest, digest: blob.digest, size: blob.size },
    config: image.id,
    layers: layerBlobs.map(({ digest }) => digest),
    blobs: [blob, config, ...layerBlobs],
  };
}

interface OwnManifest {
  readonly manifest: Descriptor;
  readonly layers: readonly Digest[];
  readonly blob: SavedBlob;
  readonly layerBlobs: readonly SavedBlob[];
}

function ownManifest(
  store: Store,
  image: Image,
  { layers, onlyOCI }: { readonly layers: readonly Layer[]; readonly onlyOCI: boolean },
): OwnManifest | undefined {
  const descriptor = image.manifest;
  if (descriptor === undefined || !store.blobs.has(descriptor.digest)) return undefined;
  if (onlyOCI && descriptor.mediaType !== mediaTypes.ociManifest) return undefined;
  const raw = store.blobs.readSync(descriptor.digest);
  const { value } = decodeManifest(raw, descriptor.mediaType);
  if (value.layers.length !== layers.length) return undefined;
  const layerBlobs: SavedBlob[] = [];
  for (const [i, { digest, size, mediaType }] of value.layers.entries()) {
    const layer = layers[i]!;
    if (parseLayerType(mediaType)?.foreign) return undefined;
    if (digest === layer.diffID) layerBlobs.push({ digest, size, content: { path: layer.tarPath } });
    else if (store.blobs.has(digest))
      layerBlobs.push({ digest, size, content: { path: store.blobs.path(digest) } });
    else return undefined;
  }
  const { digest, size } = descriptor;
  return {
    manifest: { mediaType: descriptor.mediaType, digest, size },
    layers: value.layers.map((layer) => layer.digest),
    blob: { digest, size, content: raw },
    layerBlobs,
  };
}

async function formOf(
  store: Store,
  layer: Layer,
  options: PlanOptions,
): Promise<SavedBlob & { readonly mediaType: string }> {
  const compression = options.compression ?? "none";
  const mediaType = layerMediaType(compression);
  if (compression === "none")
    return { mediaType, digest: layer.diffID, size: layer.size, content: { path: layer.tarPath } };
  const { lease, signal, emit = emitNothing } = options;
  const known = store.layers.forms(layer.diffID).find((form) => form.mediaType === mediaType);
  if (known && lease.add("blob", known.digest))
    return {
      mediaType,
      digest: known.digest,
      size: known.size,
      content: { path: store.blobs.path(known.digest) },
    };

  throwIfAborted(signal);
  const step = `compress ${layer.diffID}`;
  emit({ type: "step.started", step, name: `${compression} ${layer.diffID}`, kind: "layer", at: Date.now() });
  const tar = Bun.file(layer.tarPath).stream() as unknown as AsyncIterable<Uint8Array>;
  const blob = await store.blobs.put(compress(tar, compression), { lease, ...(signal ? { signal } : {}) });
  store.layers.addForm(layer.diffID, { mediaType, ...blob });
  emit({ type: "step.done", step, outcome: "done", at: Date.now() });
  return { mediaType, ...blob, content: { path: store.blobs.path(blob.digest) } };
}

function blobOf(store: Store, digest: Digest): SavedBlob {
  const content = store.blobs.readSync(digest);
  return { digest, size: content.length, content };
}
