import { StrakeError } from "../../errors/index.ts";
import {
  type Descriptor,
  type Digest,
  decodeConfig,
  decodeIndex,
  decodeManifestOrIndex,
  formatPlatform,
  hostPlatform,
  type Manifest,
  matchPlatform,
  type Platform,
  parseLayerType,
  pickPlatform,
  type Reference,
} from "../../oci/index.ts";
import type { ArchiveContents } from "./contents.ts";
import { checkDiffID } from "./docker.ts";
import type { FoundImage } from "./image.ts";
import { annotatedName } from "./names.ts";

const depthLimit = 8;

/**
 * The images of an OCI layout: for each entry of index.json the one manifest that fits the platform, through nested
 * indexes. Errors: ARCHIVE_*, INDEX_INVALID, MANIFEST_INVALID, CONFIG_INVALID.
 */
export function layoutImages(contents: ArchiveContents, wanted: Platform | undefined): FoundImage[] {
  checkVersion(contents);
  const index = decodeIndex(contents.document("index.json")).value;
  const found = new Map<Digest, FoundImage>();
  for (const entry of entriesFor(index.manifests, wanted)) {
    const name = annotatedName(entry);
    const image = resolve(contents, entry, { wanted, depth: 0 });
    if (image === undefined) continue;
    const names: readonly Reference[] = name === undefined ? [] : [name];
    const before = found.get(image.id);
    found.set(image.id, { ...image, names: [...(before?.names ?? []), ...names] });
  }
  return [...found.values()];
}

/**
 * Entries of different names are different images and all are taken; entries of one name (or of none) that differ in
 * platform are one image for several platforms.
 */
function entriesFor(manifests: readonly Descriptor[], wanted: Platform | undefined): Descriptor[] {
  const groups = new Map<string, Descriptor[]>();
  for (const entry of manifests) {
    const name = annotatedName(entry);
    const key = name === undefined ? "" : JSON.stringify(name);
    groups.set(key, [...(groups.get(key) ?? []), entry]);
  }
  return [...groups.values()].flatMap((group) => {
    const platforms = group.filter((entry) => entry.platform);
    if (group.length < 2 || platforms.length < 2) return group;
    const picked = pickPlatform(platforms, wanted ?? hostPlatform());
    const others = group.filter((entry) => !entry.platform);
    if (picked === undefined && others.length === 0) throw noPlatform(platforms, wanted ?? hostPlatform());
    return picked === undefined ? others : [picked, ...others];
  });
}

interface Search {
  readonly wanted: Platform | undefined;
  readonly depth: number;
}

function resolve(contents: ArchiveContents, entry: Descriptor, search: Search): FoundImage | undefined {
  const document = decodeManifestOrIndex(contents.blobDocument(entry), entry.mediaType);
  if (document.kind === "manifest") return imageOf(contents, entry, { document, wanted: search.wanted });
  if (search.depth >= depthLimit)
    throw new StrakeError("ARCHIVE_LIMIT", `the archive's indexes are nested more than ${depthLimit} deep`);
  const wanted = search.wanted ?? hostPlatform();
  const { manifests } = document.value;
  const picked = pickPlatform(manifests, wanted);
  if (picked === undefined) throw noPlatform(manifests, wanted);
  return resolve(contents, picked, { wanted: search.wanted, depth: search.depth + 1 });
}

interface FoundManifest {
  readonly document: { readonly raw: Uint8Array; readonly mediaType: string; readonly value: Manifest };
  readonly wanted: Platform | undefined;
}

function imageOf(
  contents: ArchiveContents,
  entry: Descriptor,
  { document, wanted }: FoundManifest,
): FoundImage | undefined {
  const { value: manifest, raw, mediaType } = document;
  // Signatures, attestations and other artifacts are no images to run.
  if (!isImage(manifest)) return undefined;
  const config = decodeConfig(contents.blobDocument(manifest.config), manifest.config.mediaType);
  if (wanted !== undefined && !matchPlatform(wanted, config.value))
    throw noPlatform([{ ...entry, platform: config.value }], wanted);
  const diffIDs = config.value.rootfs.diff_ids;
  if (diffIDs.length !== manifest.layers.length)
    throw new StrakeError(
      "ARCHIVE_INVALID",
      `the image has ${manifest.layers.length} layers, its configuration ${diffIDs.length}`,
    );
  const layers = manifest.layers.map((descriptor, i) => {
    checkLayer(descriptor);
    const layer = contents.blobLayer(descriptor);
    checkDiffID(layer.diffID, diffIDs[i]!, descriptor.digest);
    return layer;
  });
  const { digest, size } = entry;
  return {
    id: config.digest,
    config,
    layers,
    manifest: { descriptor: { mediaType, digest, size }, raw },
    names: [],
  };
}

function isImage(manifest: Manifest): boolean {
  return (
    manifest.artifactType === undefined &&
    manifest.layers.every((layer) => parseLayerType(layer.mediaType) !== undefined)
  );
}

/** A layer whose bytes are to come from somewhere else is refused: an archive must not choose what we connect to. */
function checkLayer(descriptor: Descriptor): void {
  const type = parseLayerType(descriptor.mediaType);
  if (type?.encrypted)
    throw new StrakeError("MEDIA_TYPE_UNSUPPORTED", `layer ${descriptor.digest} is encrypted`, {
      hint: "decrypt the image first, for example with skopeo copy --decryption-key",
    });
  if (type?.foreign || (descriptor.urls?.length ?? 0) > 0)
    throw new StrakeError("ARCHIVE_FOREIGN_LAYER", `layer ${descriptor.digest} is a foreign one`, {
      hint: "strake does not fetch layers from addresses that an archive names",
    });
}

function checkVersion(contents: ArchiveContents): void {
  const layout = contents.json("oci-layout");
  const version = (layout as { imageLayoutVersion?: unknown } | null)?.imageLayoutVersion;
  if (typeof version !== "string" || !/^1\./.test(version))
    throw new StrakeError(
      "ARCHIVE_INVALID",
      `the OCI layout has version ${JSON.stringify(version)}, not 1.x`,
    );
}

function noPlatform(manifests: readonly Descriptor[], wanted: Platform): StrakeError {
  const offered = manifests.flatMap(({ platform }) => (platform ? [formatPlatform(platform)] : []));
  return new StrakeError("ARCHIVE_PLATFORM", `the archive holds no image for ${formatPlatform(wanted)}`, {
    ...(offered.length > 0 ? { hint: `it has ${[...new Set(offered)].join(", ")}` } : {}),
  });
}
