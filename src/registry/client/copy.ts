import { StrakeError, throwIfAborted } from "../../errors/index.ts";
import type { Emit } from "../../events/index.ts";
import {
  type Descriptor,
  type Digest,
  type Index,
  isIndexType,
  isManifestType,
  type Platform,
  pickPlatform,
} from "../../oci/index.ts";
import { smallBlob } from "./blob-upload.ts";
import { atTarget, WitnessedSource } from "./copy-side.ts";
import { cosignTags, holdsAll } from "./cosign-tags.ts";
import { isPassing, pause, rest } from "./http/retry.ts";
import { noPlatform } from "./no-platform.ts";
import { inParallel } from "./parallel.ts";
import type { ImageSource, ImageTarget } from "./place.ts";
import { putReferrer } from "./referrers.ts";
import { type RemoteManifest, Repository } from "./repository.ts";
import { asStep, type Step } from "./step.ts";
import type { UploadMemory } from "./upload-session.ts";

export interface CopyOptions {
  /** Only the manifest for this platform. Default: everything, indexes byte for byte. */
  readonly platform?: Platform;
  /** What refers to the copied manifests too (signatures, attestations). */
  readonly referrers?: boolean;
  /** With it what cosign keeps under tags that are made of a digest. Default: as `referrers`. */
  readonly cosignTags?: boolean;
  /**
   * What remembers how far the upload of a large blob to a repository is, for this copy and the next: the target's own word is asked for, so nothing of
   * the blob need be kept here.
   */
  readonly remember?: (to: Repository, digest: Digest) => Promise<(UploadMemory & Disposable) | undefined>;
  readonly signal?: AbortSignal;
  readonly emit?: Emit;
}

export interface CopyResult {
  readonly digest: Digest;
  readonly mediaType: string;
}

interface Copying {
  readonly from: ImageSource;
  readonly to: ImageTarget;
  readonly options: CopyOptions;
  /** Manifests that were copied: an index may name one many times, and be named by it. */
  readonly copied: Set<Digest>;
}

const depthLimit = 8;
/** Manifests of one copy, referrers included. */
const manifestLimit = 10_000;
const transfers = 3;

/** Copies an image from place to place, bytes unchanged, none of them kept on this machine. Blobs the target has are not moved. */
export async function copyImage(
  from: { readonly place: ImageSource; readonly reference: string },
  to: { readonly place: ImageTarget; readonly reference: string },
  options: CopyOptions = {},
): Promise<CopyResult> {
  const call = options.signal ? { signal: options.signal } : {};
  const copying = { from: from.place, to: to.place, options, copied: new Set<Digest>() };
  let root = await from.place.getManifest(from.reference, call);
  if (options.platform !== undefined && root.kind === "index") {
    const picked = pickPlatform(root.value.manifests, options.platform);
    if (picked === undefined)
      throw noPlatform(root.value.manifests, { wanted: options.platform, name: from.place.name });
    root = await from.place.getManifest(picked.digest, call);
  }
  await copyTree(copying, root, { reference: to.reference || root.digest, depth: 0 });
  return { digest: root.digest, mediaType: root.mediaType };
}

interface Place {
  readonly reference: string;
  readonly depth: number;
  /** It is no part of the image, but about one. */
  readonly isReferrer?: boolean;
}

/** Children first: a registry may refuse a manifest whose parts it does not have. */
async function copyTree(
  copying: Copying,
  document: RemoteManifest,
  { reference, depth, isReferrer = false }: Place,
): Promise<void> {
  const { from, to, options } = copying;
  const call = options.signal ? { signal: options.signal } : {};
  if (depth > depthLimit)
    throw new StrakeError("INDEX_INVALID", `indexes are nested more than ${depthLimit} deep`);
  copying.copied.add(document.digest);
  if (copying.copied.size > manifestLimit)
    throw new StrakeError("INDEX_INVALID", `an index leads to more than ${manifestLimit} manifests`);
  if (document.kind === "index") await copyChildren(copying, document.value, depth);
  else await copyBlobs(copying, [...document.value.layers, document.value.config]);
  await atTarget(() =>
    to instanceof Repository
      ? putReferrer(to, document, { ...call, reference })
      : to.putManifest(reference, document, { ...call, isRoot: depth === 0 }),
  );
  if (!options.referrers) return;
  for (const { digest } of await from.referrers(document.digest, call))
    await copyReferrer(copying, digest, depth + 1);
  if (!isReferrer && options.cosignTags !== false) await copyCosignTags(copying, document.digest, depth + 1);
}

/** One that was deleted may still stand in a referrers tag: that is no reason to be without the others. */
async function copyReferrer(copying: Copying, digest: Digest, depth: number): Promise<void> {
  const { from, options, copied } = copying;
  if (copied.has(digest)) return;
  const document = await ifThere(() =>
    from.getManifest(digest, options.signal ? { signal: options.signal } : {}),
  );
  if (document !== undefined)
    return await copyTree(copying, document, { reference: digest, depth, isReferrer: true });
  options.emit?.({
    ...{ type: "warning", code: "ReferrerMissing", at: Date.now() },
    message: `${from.name} lists the referrer ${digest}, which is not there`,
  });
}

async function copyCosignTags(copying: Copying, digest: Digest, depth: number): Promise<void> {
  const { from, to, options } = copying;
  const call = options.signal ? { signal: options.signal } : {};
  for (const tag of cosignTags(digest)) {
    const document = await ifThere(() => from.getManifest(tag, call));
    if (document === undefined) continue;
    const there = await atTarget(() => ifThere(() => to.getManifest(tag, call)));
    if (there === undefined || holdsAll(document, there))
      await copyTree(copying, document, { reference: tag, depth, isReferrer: true });
    else
      options.emit?.({
        ...{ type: "warning", code: "SignaturesKept", at: Date.now() },
        message: `${tag} was not copied: ${to.name} has signatures or attestations under it that ${from.name} does not have`,
      });
  }
}

async function ifThere(get: () => Promise<RemoteManifest>): Promise<RemoteManifest | undefined> {
  try {
    return await get();
  } catch (error) {
    if (error instanceof StrakeError && error.class === "not-found") return undefined;
    throw error;
  }
}

/** What another manifest leads to. */
async function copyChild(copying: Copying, digest: Digest, depth: number): Promise<void> {
  const { signal } = copying.options;
  if (copying.copied.has(digest)) return;
  const document = await copying.from.getManifest(digest, signal ? { signal } : {});
  await copyTree(copying, document, { reference: document.digest, depth });
}

async function copyChildren(copying: Copying, index: Index, depth: number): Promise<void> {
  for (const child of index.manifests) {
    throwIfAborted(copying.options.signal);
    if (isManifestType(child.mediaType) || isIndexType(child.mediaType))
      await copyChild(copying, child.digest, depth + 1);
    else await copyBlobs(copying, [child]);
  }
}

async function copyBlobs({ from, to, options }: Copying, blobs: readonly Descriptor[]): Promise<void> {
  const { emit } = options;
  const unique = [...new Map(blobs.map((blob) => [blob.digest, blob])).values()];
  await inParallel(
    unique,
    { limit: transfers, ...(options.signal ? { signal: options.signal } : {}) },
    (blob, signal) =>
      asStep(blob, { emit, kind: "transfer", verb: "copy" }, (step) =>
        sendBlob(blob, { from, to, signal, step, remember: options.remember }),
      ),
  );
}

interface Sending {
  readonly from: ImageSource;
  readonly to: ImageTarget;
  readonly signal: AbortSignal;
  readonly step: Step;
  readonly remember: CopyOptions["remember"];
}

async function sendBlob(blob: Descriptor, { from, to, signal, step, remember }: Sending): Promise<void> {
  const call = { signal };
  const size = await atTarget(() => to.headBlob(blob.digest, { forPush: true, ...call }));
  if (size !== undefined) return step.skipped("already there");
  const mounted = await atTarget(() => mountedFrom(blob.digest, { from, to, signal }));
  if (mounted !== undefined) return step.skipped(`mounted from ${mounted}`);
  // Asking from any offset lets an upload go on in the middle.
  const source = new WitnessedSource(blob, from.name, (start) => from.openBlob(blob, { start, ...call }));
  for (let attempt = 1; ; attempt++) {
    const isLarge = to instanceof Repository && blob.size > smallBlob;
    using memory = isLarge ? await remember?.(to, blob.digest) : undefined;
    const told = { onProgress: step.progress, onContinue: step.resumed };
    try {
      await atTarget(
        () => to.uploadBlob(blob, source, { ...call, ...told, memory }),
        (error) => !source.isBehind(error),
      );
      return;
    } catch (error) {
      if (!isPassing(error) || attempt >= 3) throw error;
      await rest(pause(attempt, {}), signal);
    }
  }
}

/** The repository from which the registry gave the blob to the other; undefined when it did not. */
async function mountedFrom(
  digest: Digest,
  { from, to, signal }: Pick<Sending, "from" | "to" | "signal">,
): Promise<string | undefined> {
  if (!(from instanceof Repository) || !(to instanceof Repository)) return undefined;
  if (from.registryName !== to.registryName || from.path === to.path) return undefined;
  return (await to.mountBlob(digest, from.path, { signal })) ? from.path : undefined;
}
