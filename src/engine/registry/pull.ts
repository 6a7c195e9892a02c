import { checkOptions, type OptionKinds, StrakeError } from "../../errors/index.ts";
import { type Emit, emitNothing, withTotals } from "../../events/index.ts";
import {
  type Descriptor,
  type Digest,
  decodeConfig,
  documentLimits,
  formatReference,
  hostPlatform,
  type ImageConfig,
  isIndexType,
  isManifestType,
  type Manifest,
  matchPlatform,
  type Platform,
  parseLayerType,
  parsePlatform,
  parseReference,
  pickPlatform,
  type Reference,
  withDefaultTag,
} from "../../oci/index.ts";
import {
  type ImageSource,
  inParallel,
  noPlatform,
  type RemoteManifest,
  type RemoteOptions,
  readBlob,
  remoteOptionKinds,
} from "../../registry/client/index.ts";
import type { Image, Lease, Store } from "../../store/index.ts";
import { pullLayer, type WantedLayer } from "./layers.ts";
import { warnOfMirror } from "./mirror-warning.ts";
import { openRemote } from "./open-remote.ts";

export interface PullRequest extends RemoteOptions {
  readonly reference: string;
  /** Default: this machine's. */
  readonly platform?: string;
  readonly emit?: Emit;
}

export interface PullResult {
  readonly image: Image;
  /** Canonical reference. */
  readonly reference: string;
  /** Of what the reference means: the index where there is one. */
  readonly digest: Digest;
  /** Whether the reference meant this image before. */
  readonly isCurrent: boolean;
}

/** Layers that are fetched at the same time: one would wait for the network, many would share it and fill memory. */
const layersAtOnce = 3;
const depthLimit = 8;

const requestKinds: OptionKinds<PullRequest> = {
  ...{ ...remoteOptionKinds, reference: "string", platform: "string?", emit: "function?" },
};

/** Gets an image from a registry, or from a mirror of it. Errors: REGISTRY_*, BLOB_MISMATCH, LAYER_MISMATCH, STORE_FULL, CANCELED. */
export async function pullImage(store: Store, request: PullRequest): Promise<PullResult> {
  checkOptions("pull", request, requestKinds);
  const reference = withDefaultTag(parseReference(request.reference));
  const platform = request.platform === undefined ? undefined : parsePlatform(request.platform);
  return await withTotals("pull", request.emit ?? emitNothing, (emit) =>
    pullRead(store, { reference, platform, emit, request }),
  );
}

async function pullRead(
  store: Store,
  {
    reference,
    platform,
    emit,
    request,
  }: {
    readonly reference: Reference;
    readonly platform: Platform | undefined;
    readonly emit: Emit;
    readonly request: PullRequest;
  },
): Promise<PullResult> {
  using remote = openRemote(request);
  return await remote.read(
    reference,
    async (repository) => {
      const wanted = reference.digest ?? reference.tag!;
      const pulled = await pullFrom(repository, wanted, {
        ...{ store, reference, platform, emit },
        signal: request.signal,
      });
      return { ...pulled, reference: formatReference(reference) };
    },
    warnOfMirror(emit),
  );
}

export interface Pulling {
  readonly store: Store;
  /** What the image is called here; without one it gets no name. */
  readonly reference: Reference | undefined;
  readonly platform: Platform | undefined;
  readonly emit: Emit;
  readonly signal: AbortSignal | undefined;
}

/** Gets the image that a tag or digest means at a place into the store. */
export async function pullFrom(
  repository: ImageSource,
  wanted: string,
  pulling: Pulling,
): Promise<Omit<PullResult, "reference">> {
  const { store, reference, platform, emit, signal } = pulling;
  using lease = store.lease("pull");
  const call = signal ? { signal } : {};
  const root = await repository.getManifest(wanted, call);
  const { manifest, parents } = await descend(repository, root, pulling);
  const layers = checkLayers(manifest.value, repository.name);
  const config = await readConfig(repository, manifest.value, { store, call });
  demandFit(config.value, manifest.value, { platform, name: repository.name });

  for (const document of [...parents, manifest])
    await store.blobs.put(document.raw, { lease, digest: document.digest });
  await store.blobs.put(config.raw, { lease, digest: manifest.value.config.digest });
  await inParallel(wantedLayers(layers, config.value), { limit: layersAtOnce, ...call }, (layer, stop) =>
    pullLayer(layer, { store, lease, repository, emit }, stop),
  );

  return store.transaction(() => {
    const image = record(store, { manifest, parents, layers, lease });
    const digest = root.digest;
    const before = reference && store.images.byReference(reference)?.id;
    const tags =
      reference === undefined ? [] : name(store, { image, reference, digests: [digest, manifest.digest] });
    emit({ type: "image", id: image.id, tags, at: Date.now() });
    return { image: store.images.find(image.id), digest, isCurrent: before === image.id };
  });
}

/** Each layer once. Errors: MANIFEST_INVALID where the configuration gives the same bytes two contents: one of them could be a layer that is here. */
function wantedLayers(layers: readonly Descriptor[], { rootfs }: ImageConfig): WantedLayer[] {
  const wanted = new Map<Digest, WantedLayer>();
  for (const [i, descriptor] of layers.entries()) {
    const diffID = rootfs.diff_ids[i]!;
    const other = wanted.get(descriptor.digest);
    if (other !== undefined && other.diffID !== diffID)
      throw new StrakeError(
        "MANIFEST_INVALID",
        `layer ${descriptor.digest} stands twice in the manifest, and the configuration has two contents for it: ${other.diffID} and ${diffID}`,
      );
    wanted.set(descriptor.digest, { descriptor, diffID });
  }
  return [...wanted.values()];
}

/** Gives the image its name and notes by which digests it is known there; the tags it has now. */
function name(
  store: Store,
  { image, reference, digests }: { image: Image; reference: Reference; digests: readonly Digest[] },
): string[] {
  for (const known of new Set(digests)) store.images.addRepoDigest(reference, known, image.id);
  if (reference.digest !== undefined) return [];
  store.images.tag(reference, image.id);
  return [formatReference(reference)];
}

type ManifestDocument = Extract<RemoteManifest, { kind: "manifest" }>;

/** Through indexes to the one manifest for the platform. Errors: REGISTRY_PLATFORM, BLOB_MISMATCH. */
async function descend(
  repository: ImageSource,
  root: RemoteManifest,
  { platform, signal }: Pulling,
): Promise<{ manifest: ManifestDocument; parents: RemoteManifest[] }> {
  const wanted = platform ?? hostPlatform();
  const parents: RemoteManifest[] = [];
  let document = root;
  while (document.kind === "index") {
    if (parents.length >= depthLimit)
      throw new StrakeError(
        "INDEX_INVALID",
        `indexes in ${repository.name} are nested more than ${depthLimit} deep`,
      );
    parents.push(document);
    // An index may name artifacts too, with the platform they are for.
    const manifests = document.value.manifests.filter(
      ({ mediaType }) => isManifestType(mediaType) || isIndexType(mediaType),
    );
    const picked = pickPlatform(manifests, wanted);
    if (picked === undefined) throw noPlatform(manifests, { wanted, name: repository.name });
    document = await repository.getManifest(picked.digest, signal ? { signal } : {});
    if (document.raw.byteLength !== picked.size)
      throw new StrakeError(
        "BLOB_MISMATCH",
        `manifest ${picked.digest} has ${document.raw.byteLength} bytes, not ${picked.size}`,
      );
  }
  return { manifest: document, parents };
}

function checkLayers(manifest: Manifest, name: string): readonly Descriptor[] {
  for (const layer of manifest.layers) {
    const type = parseLayerType(layer.mediaType);
    if (manifest.artifactType !== undefined || type === undefined)
      throw new StrakeError(
        "MEDIA_TYPE_UNSUPPORTED",
        `what ${name} has there is no image: it holds ${layer.mediaType}`,
        {
          hint: "files of an artifact are fetched with strake artifact pull, or by the tool that made it",
        },
      );
    if (type.encrypted)
      throw new StrakeError("MEDIA_TYPE_UNSUPPORTED", `layer ${layer.digest} is encrypted`, {
        hint: "decrypt the image first, for example with skopeo copy --decryption-key",
      });
  }
  return manifest.layers;
}

async function readConfig(
  repository: ImageSource,
  { config }: Manifest,
  { store, call }: { store: Store; call: { signal?: AbortSignal } },
) {
  const limit = documentLimits.config;
  const raw = store.blobs.has(config.digest)
    ? await store.blobs.read(config.digest, { limit })
    : await readBlob(repository, config, { limit, ...call });
  if (raw.byteLength !== config.size)
    throw new StrakeError(
      "BLOB_MISMATCH",
      `the configuration ${config.digest} has ${raw.byteLength} bytes, not ${config.size}`,
    );
  return decodeConfig(raw, config.mediaType);
}

function demandFit(
  config: ImageConfig,
  manifest: Manifest,
  { platform, name }: { platform: Platform | undefined; name: string },
): void {
  if (platform !== undefined && !matchPlatform(platform, config))
    throw noPlatform([{ platform: config }], { wanted: platform, name });
  const { length } = config.rootfs.diff_ids;
  if (length !== manifest.layers.length)
    throw new StrakeError(
      "MANIFEST_INVALID",
      `the image has ${manifest.layers.length} layers, its configuration ${length}`,
    );
}

interface Parts {
  readonly manifest: ManifestDocument;
  readonly parents: readonly RemoteManifest[];
  readonly layers: readonly Descriptor[];
  readonly lease: Lease;
}

function record(store: Store, { manifest, parents, layers, lease }: Parts): Image {
  const { digest, mediaType, raw } = manifest;
  return store.images.put({
    configDigest: manifest.value.config.digest,
    manifest: { mediaType, digest, size: raw.byteLength },
    blobs: [
      ...parents.map((parent) => parent.digest),
      ...layers.map((layer) => layer.digest).filter((each) => store.blobs.has(each)),
    ],
    lease,
  });
}
