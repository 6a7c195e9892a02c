import { StrakeError } from "../../errors/index.ts";
import { type Emit, emitNothing } from "../../events/index.ts";
import {
  type Digest,
  formatReference,
  type Platform,
  type Reference,
  withDefaultTag,
} from "../../oci/index.ts";
import type { Image, Lease, Store } from "../../store/index.ts";
import type { ArchiveContents } from "./contents.ts";
import { dockerImages } from "./docker.ts";
import type { FoundImage } from "./image.ts";
import { legacyImages } from "./legacy.ts";
import { layoutImages } from "./oci.ts";
import { readArchive } from "./read.ts";

export interface LoadOptions {
  /** Take the image for this platform where there are several; refuse one for another. Default: the host's, any. */
  readonly platform?: Platform;
  /** Names in place of those of the archive, which must then hold one image. */
  readonly names?: readonly Reference[];
  /** No names at all, neither these nor the archive's. */
  readonly unnamed?: boolean;
  readonly signal?: AbortSignal;
  readonly emit?: Emit;
}

export interface LoadedImage {
  readonly image: Image;
  /** Canonical references that mean the image now. */
  readonly tags: readonly string[];
  /** What the archive calls it. */
  readonly names: readonly Reference[];
}

/**
 * Loads the images of a docker-archive or OCI layout tar, packed or not, from a stream. Either all of them are
 * there and named at the end or the store is as before. Errors: ARCHIVE_*, TAR_*, BLOB_MISMATCH, LAYER_MISMATCH, STORE_FULL.
 */
export async function loadArchive(
  store: Store,
  source: AsyncIterable<Uint8Array>,
  options: LoadOptions = {},
): Promise<LoadedImage[]> {
  using lease = store.lease("load");
  const contents = await readArchive(source, { store, lease, ...options });
  const found = imagesIn(contents, options.platform);
  if (found.length === 0) throw new StrakeError("ARCHIVE_INVALID", "the archive holds no image");
  if (options.names !== undefined && options.names.length > 0 && found.length !== 1)
    throw new StrakeError("USAGE", `the archive holds ${found.length} images; a name fits only one`, {
      hint: "load it without -t and tag the images afterwards",
    });
  for (const image of found) await storeDocuments(store, image, lease);
  const emit = options.emit ?? emitNothing;
  // One transaction: an archive of several images is loaded whole or not at all.
  return store.transaction(() =>
    found.map((item) => {
      const chosen = options.unnamed ? [] : options.names?.length ? options.names : item.names;
      const names = chosen.map(withDefaultTag);
      const image = record(store, item, lease);
      for (const name of names) store.images.tag(name, image.id);
      const tags = [...new Set(names.map(formatReference))];
      emit({ type: "image", id: image.id, tags, at: Date.now() });
      return { image, tags, names: item.names };
    }),
  );
}

function imagesIn(contents: ArchiveContents, platform: Platform | undefined): FoundImage[] {
  const isLayout = contents.has("oci-layout") && contents.has("index.json");
  if (isLayout) return withDockerNames(contents, layoutImages(contents, platform));
  if (contents.has("manifest.json")) return dockerImages(contents);
  if (contents.has("repositories")) return legacyImages(contents);
  throw new StrakeError("ARCHIVE_INVALID", "the archive is neither a docker-archive nor an OCI layout", {
    hint: "it has no manifest.json and no index.json; a tar of a root file system is read by strake import",
  });
}

/** Archives of Docker 25 and later are both; names that the layout's index only hints at stand in manifest.json. */
function withDockerNames(contents: ArchiveContents, images: readonly FoundImage[]): FoundImage[] {
  if (!contents.has("manifest.json")) return [...images];
  const named = new Map(dockerNames(contents));
  return images.map((image) =>
    image.names.length > 0 ? image : { ...image, names: named.get(image.id) ?? [] },
  );
}

function dockerNames(contents: ArchiveContents): [Digest, readonly Reference[]][] {
  return dockerImages(contents).map((image) => [image.id, image.names]);
}

async function storeDocuments(store: Store, image: FoundImage, lease: Lease): Promise<void> {
  await store.blobs.put(image.config.raw, { lease, digest: image.id });
  if (image.manifest)
    await store.blobs.put(image.manifest.raw, { lease, digest: image.manifest.descriptor.digest });
}

function record(store: Store, image: FoundImage, lease: Lease): Image {
  return store.images.put({
    configDigest: image.id,
    ...(image.manifest ? { manifest: image.manifest.descriptor } : {}),
    // A layer packed with xz stands in no manifest; its tar is enough.
    blobs: image.layers
      .filter(({ compression }) => compression === "gzip" || compression === "zstd")
      .map((layer) => layer.form.digest),
    lease,
  });
}
