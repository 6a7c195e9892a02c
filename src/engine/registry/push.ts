import { createReadStream } from "node:fs";
import { checkOptions, type OptionKinds, StrakeError } from "../../errors/index.ts";
import { type Emit, emitNothing, withTotals } from "../../events/index.ts";
import {
  type Compression,
  type Descriptor,
  type Digest,
  decodeManifestOrIndex,
  encodeManifest,
  formatReference,
  mediaTypes,
  parseLayerType,
  parseReference,
  type Reference,
  withDefaultTag,
} from "../../oci/index.ts";
import {
  asStep,
  type BegunUpload,
  type BlobSource,
  type ImageTarget,
  inParallel,
  type RemoteManifest,
  type RemoteOptions,
  Repository,
  remoteOptionKinds,
  type Step,
  smallBlob,
} from "../../registry/client/index.ts";
import type { Image, Layer, Lease, Store } from "../../store/index.ts";
import { packedName, rememberUpload } from "./kept-upload.ts";
import { openRemote } from "./open-remote.ts";
import { knownForm, ownManifest, type PackOptions, packLayer } from "./push-form.ts";
import { Relay } from "./relay.ts";

export interface PushRequest extends RemoteOptions {
  /** The image's name, which says where it goes too; or any name or ID, with `target`. */
  readonly name: string;
  readonly target?: string;
  /** Only the image for this platform, as an image of its own; of a manifest list too. Default: the image of that name. */
  readonly platform?: string;
  /** How layers that were never packed are packed; those of a pulled image stay as they are. Default: gzip. */
  readonly compression?: Compression;
  readonly emit?: Emit;
}

export interface PushResult {
  /** Canonical reference. */
  readonly reference: string;
  /** Of the manifest. */
  readonly digest: Digest;
  readonly size: number;
}

/** Blobs that are sent at the same time. */
const blobsAtOnce = 4;
/** From here on a layer is sent while it is packed; a smaller one is packed before anything could be sent of it. */
const streamedSize = 4 << 20;

const requestKinds: OptionKinds<PushRequest> = {
  ...{ ...remoteOptionKinds, name: "string", target: "string?", platform: "string?", emit: "function?" },
  compression: "any?",
};

/** Errors: USAGE. */
export function checkPush(request: PushRequest): void {
  checkOptions("push", request, requestKinds);
}

/** Sends an image to a registry; what is there already is not sent. Errors: IMAGE_NOT_FOUND, REGISTRY_*, STORE_FULL, CANCELED. */
export async function pushImage(store: Store, request: PushRequest): Promise<PushResult> {
  const image = store.images.find(request.name);
  const reference = withDefaultTag(parseReference(request.target ?? request.name));
  if (reference.digest !== undefined)
    throw new StrakeError(
      "REFERENCE_INVALID",
      "an image is pushed under a tag; its digest follows from what it is",
    );
  using lease = store.lease("push");
  lease.add("image", image.id);
  using remote = openRemote(request);
  const { signal, emit = emitNothing, compression } = request;
  const target = await remote.repository(reference);
  const { manifest, forms } = await withTotals("push", emit, (counted) =>
    sendImage(store, image, {
      ...{ target, tag: reference.tag!, reference, lease, emit: counted },
      ...(signal ? { signal } : {}),
      ...(compression ? { compression } : {}),
    }),
  );
  await store.blobs.put(manifest.raw, { lease, digest: manifest.digest });
  const { mediaType, digest } = manifest;
  const size = manifest.raw.byteLength;
  store.transaction(() => {
    const blobs = forms.map((form) => form.digest).filter((each) => store.blobs.has(each));
    store.images.put({ configDigest: image.id, manifest: { mediaType, digest, size }, blobs, lease });
    store.images.addRepoDigest(reference, digest, image.id);
  });
  return { reference: formatReference(reference), digest, size };
}

export interface SendOptions {
  readonly target: ImageTarget;
  /** What it is called there. */
  readonly tag: string;
  /** The same as a reference, where the target is a repository. */
  readonly reference?: Reference;
  readonly lease: Lease;
  /** How layers that were never packed are packed. Default: gzip. */
  readonly compression?: Compression;
  readonly signal?: AbortSignal;
  readonly emit?: Emit;
}

export interface SentImage {
  readonly manifest: RemoteManifest;
  /** The layers as they were sent. */
  readonly forms: readonly Descriptor[];
}

/** Sends an image of the store, which the lease holds, to a place. */
export async function sendImage(store: Store, image: Image, options: SendOptions): Promise<SentImage> {
  const { target, signal, emit = emitNothing } = options;
  const pushing: Pushing = { ...options, store, image, emit };
  const layers = store.layers.intact(image.diffIDs);
  const own = options.compression === undefined ? ownManifest(store, image) : undefined;
  const call = signal ? { signal } : {};

  const jobs = layers.map((layer, i) => ({ layer, promised: own?.value.layers[i] }));
  let forms = await inParallel(jobs, { limit: blobsAtOnce, ...call }, (job, stop) =>
    pushLayer(job, pushing, stop),
  );
  // A form that nobody has any more cannot be made again: then the image gets a manifest of its own.
  const isWhole = forms.every((form) => form !== undefined);
  if (!isWhole)
    forms = await inParallel(layers, { limit: blobsAtOnce, ...call }, (layer, stop) =>
      pushLayer({ layer }, pushing, stop),
    );
  const config = store.blobs.readSync(image.id);
  const configBlob = { digest: image.id, size: config.byteLength };
  await pushBlob(configBlob, bytesSource(config), { pushing, signal });

  const manifest =
    own && isWhole ? own : newManifest(image, { size: config.byteLength, layers: forms as Descriptor[] });
  await target.putManifest(options.tag || manifest.digest, manifest, { ...call, isRoot: true });
  return { manifest, forms: forms as Descriptor[] };
}

interface Pushing extends SendOptions {
  readonly store: Store;
  readonly image: Image;
  readonly emit: Emit;
}

interface LayerJob {
  readonly layer: Layer;
  /** As the image's own manifest has it. */
  readonly promised?: Descriptor;
}

/** Sends a layer. Undefined when its promised form is neither here nor there. */
async function pushLayer(
  { layer, promised }: LayerJob,
  pushing: Pushing,
  signal: AbortSignal,
): Promise<Descriptor | undefined> {
  const { store, lease } = pushing;
  // Layers of Windows that may not be passed on: who pulls fetches them from where the manifest says.
  if (promised && parseLayerType(promised.mediaType)?.foreign) return promised;
  const compression = pushing.compression ?? "gzip";
  const form = promised ?? knownForm(layer, { store, lease, compression });
  if (form === undefined) return await packAndSend(layer, pushing, signal);
  // An upload may have been begun when nobody knew its digest yet.
  const earlier = promised === undefined && compression !== "none" ? [packedName(layer, compression)] : [];
  const path =
    form.digest === layer.diffID
      ? layer.tarPath
      : lease.add("blob", form.digest)
        ? store.blobs.path(form.digest)
        : undefined;
  const source = path === undefined ? undefined : fileSource(path);
  return (await pushBlob(form, source, { pushing, signal, earlier })) ? form : undefined;
}

/**
 * Packs a layer and sends it meanwhile: nobody can be asked yet whether it is there already. What the network loses is sent again from the
 * packed layer that is kept.
 */
async function packAndSend(layer: Layer, pushing: Pushing, signal: AbortSignal): Promise<Descriptor> {
  const { store, lease, emit, target } = pushing;
  const compression = pushing.compression === "zstd" ? "zstd" : "gzip";
  const options: PackOptions = { store, lease, emit, signal, compression };
  if (layer.size < streamedSize || !(target instanceof Repository)) {
    const form = await packLayer(layer, options);
    await pushBlob(form, fileSource(store.blobs.path(form.digest)), { pushing, signal });
    return form;
  }
  // Its digest is not known yet: the step bears the name that packing it has.
  const blob = { digest: layer.diffID };
  return await asStep(blob, { emit, kind: "transfer", verb: "push" }, (step) =>
    streamPacked(layer, { target, options, step }),
  );
}

interface Streaming {
  readonly target: Repository;
  readonly options: PackOptions;
  readonly step: Step;
}

async function streamPacked(layer: Layer, { target, options, step }: Streaming): Promise<Descriptor> {
  const { store, signal, compression } = options;
  const relay = new Relay();
  using memory = rememberUpload(store, target, [packedName(layer, compression)]);
  const kept = { memory, onContinue: step.resumed };
  // Who may not push need not wait until everything is packed.
  const refused = new AbortController();
  const either = AbortSignal.any([signal, refused.signal]);
  const sending = target
    .streamBlob(relay, { signal, onProgress: step.progress, ...kept })
    .catch((error) => {
      refused.abort(error);
      throw error;
    })
    .finally(() => relay.abandon());
  const packing = packLayer(layer, { ...options, signal: either }, relay);
  const [packed, sent] = await Promise.allSettled([packing, sending]);
  if (sent.status === "rejected") throw sent.reason;
  if (packed.status === "rejected") throw packed.reason;
  const form = packed.value;
  const begun: BegunUpload = sent.value;
  const onProgress = (current: number) => step.progress(current, form.size);
  onProgress(begun.offset ?? 0);
  const source = fileSource(store.blobs.path(form.digest));
  await target.uploadBlob(form, source, { signal, begun, onProgress, ...kept });
  return form;
}

interface BlobContext {
  readonly pushing: Pushing;
  readonly signal: AbortSignal | undefined;
  /** What an upload of the same bytes may have been remembered as besides. */
  readonly earlier?: readonly string[];
}

async function pushBlob(
  blob: Pick<Descriptor, "digest" | "size">,
  source: BlobSource | undefined,
  { pushing, signal, earlier = [] }: BlobContext,
): Promise<boolean> {
  const { store, target, emit } = pushing;
  const call = signal ? { signal } : {};
  return await asStep(blob, { emit, kind: "transfer", verb: "push" }, async (step) => {
    if ((await target.headBlob(blob.digest, { forPush: true, ...call })) !== undefined) {
      step.skipped("already there");
      return true;
    }
    for (const from of neighbours(pushing))
      if (await mounts(target, { digest: blob.digest, from, ...call })) {
        step.skipped(`mounted from ${from}`);
        return true;
      }
    if (source === undefined) {
      step.dropped();
      return false;
    }
    const options = { ...call, onProgress: step.progress, onContinue: step.resumed };
    if (target instanceof Repository && blob.size > smallBlob) {
      using memory = rememberUpload(store, target, [blob.digest, ...earlier]);
      await target.uploadBlob(blob, source, { ...options, memory });
    } else await target.uploadBlob(blob, source, options);
    return true;
  });
}

/** A repository we may not read is no reason to fail: the bytes are sent then. */
async function mounts(
  repository: ImageTarget,
  { digest, from, signal }: { digest: Digest; from: string; signal?: AbortSignal },
): Promise<boolean> {
  if (!(repository instanceof Repository)) return false;
  try {
    return await repository.mountBlob(digest, from, signal ? { signal } : {});
  } catch (error) {
    if (
      error instanceof StrakeError &&
      (error.class === "denied" || error.class === "unauthorized" || error.class === "invalid")
    )
      return false;
    throw error;
  }
}

/** Other repositories of the registry that this image was pulled from or pushed to. */
function neighbours({ image, reference }: Pushing): string[] {
  if (reference === undefined) return [];
  const names = [...image.repoDigests, ...image.tags].map((name) => parseReference(name));
  const paths = names.filter(({ domain }) => domain === reference.domain).map(({ path }) => path);
  return [...new Set(image.repoDigests.length > 0 ? paths : [])]
    .filter((path) => path !== reference.path)
    .slice(0, 2);
}

function newManifest(image: Image, { size, layers }: { size: number; layers: readonly Descriptor[] }) {
  const raw = encodeManifest({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: { mediaType: mediaTypes.ociConfig, digest: image.id, size },
    layers: layers.map(({ mediaType: type, digest, size: bytes }) => ({
      mediaType: type,
      digest,
      size: bytes,
    })),
  });
  return decodeManifestOrIndex(raw, mediaTypes.ociManifest);
}

function bytesSource(bytes: Uint8Array): BlobSource {
  return { open: (start, end) => [bytes.subarray(start, end)] };
}

function fileSource(path: string): BlobSource {
  return { open: (start, end) => createReadStream(path, { start, end: end - 1, highWaterMark: 256 << 10 }) };
}
