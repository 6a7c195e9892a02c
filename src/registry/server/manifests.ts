import {
  type Descriptor,
  type Digest,
  documentLimits,
  isDigest,
  isTag,
  matchesDigest,
  sha256,
} from "../../oci/index.ts";
import type { CachedManifest } from "./cache.ts";
import { deleteName, nameOf, rememberName } from "./catalog.ts";
import type { Call, Core } from "./core.ts";
import { spare } from "./gc/condemned.ts";
import { holdBlob, holdIfWritable, holdManifest } from "./gc/hold.ts";
import { throwAway } from "./gc/trash.ts";
import { eachOf } from "./gc/walk.ts";
import { blobKey, manifestKey, referrerKey } from "./layout.ts";
import { decodePushed, type PushedManifest, readManifestBody, referrerDescriptor } from "./manifest-body.ts";
import { isNotModified } from "./protocol/condition.ts";
import { Refusal, versionHeader } from "./protocol/refusal.ts";
import { type Counted, checkRoom, deleteCounted, putCounted } from "./quota/counted.ts";
import { encodeRecord, type ManifestRecord, readRecord } from "./records.ts";
import type { ObjectInfo } from "./storage/object-store.ts";
import { countedTag, deleteTag, moveNotedTag, noteTag, resolveTag, tagsOf } from "./tags.ts";

/** Tags one push may set (distribution-spec asks for at least 10). */
const tagParameterLimit = 100;

/** GET and HEAD of a manifest by tag or digest, exactly as it was pushed. */
export async function serveManifest(call: Call, repository: string, reference: string): Promise<Response> {
  const { core } = call;
  const byTag = !reference.includes(":");
  if (!byTag && !isDigest(reference))
    throw new Refusal("DIGEST_INVALID", "this is not a sha256 or sha512 digest");
  const digest = byTag
    ? (core.cache.tag(repository, reference) ?? (await resolveTag(core, repository, reference)))
    : (reference as Digest);
  if (!digest) throw manifestUnknown(reference);
  if (call.method === "HEAD") {
    // Who only asks whether it is there is about to rely on it.
    const held = holdRecord(core, repository, digest);
    const [record, blob] = await Promise.all([held, core.objects.head(blobKey(digest))]);
    if (!record || !blob) throw manifestUnknown(reference);
    const headers = headersOf(digest, record);
    const status = isNotModified(call.request, headers.ETag) ? 304 : 200;
    return new Response(null, { status, headers });
  }
  const found = core.cache.manifest(repository, digest) ?? (await loadManifest(core, repository, digest));
  if (!found) throw manifestUnknown(reference);
  const { bytes, headers, mediaType } = found;
  if (isNotModified(call.request, headers.ETag)) return new Response(null, { status: 304, headers });
  core.emit({
    type: "manifest.pulled",
    ...{ repository, actor: call.actor, at: Date.now(), digest, mediaType },
    ...{ size: bytes.byteLength, tags: byTag ? [reference] : [] },
  });
  return new Response(bytes, { headers });
}

function manifestUnknown(reference: string): Refusal {
  return new Refusal("MANIFEST_UNKNOWN", "the repository holds no such manifest", {
    detail: { reference: reference.slice(0, 160) },
  });
}

function holdRecord(core: Core, repository: string, digest: Digest): Promise<ManifestRecord | undefined> {
  return holdIfWritable(
    () => holdManifest(core, repository, digest),
    async () => (await readRecord<ManifestRecord>(core.objects, manifestKey(repository, digest)))?.value,
  );
}

/** Headers of a complete answer with a manifest. */
function headersOf(digest: Digest, { mediaType, size }: ManifestRecord): CachedManifest["headers"] {
  return {
    ...versionHeader,
    "Content-Type": mediaType,
    "Docker-Content-Digest": digest,
    "Content-Length": String(size),
    ETag: `"${digest}"`,
  };
}

/** A manifest of a repository with its bytes; undefined when the repository does not hold it. */
export async function loadManifest(
  core: Core,
  repository: string,
  digest: Digest,
): Promise<CachedManifest | undefined> {
  const { generation } = core.cache;
  const kept = core.cache.content(digest);
  // Both at once: where the storage is another machine each costs a way there and back.
  const reading = kept ? undefined : core.objects.read(blobKey(digest), documentLimits.manifest);
  reading?.catch(() => {});
  const record = await readRecord<ManifestRecord>(core.objects, manifestKey(repository, digest));
  const bytes = record && (kept ?? (await reading)?.bytes);
  if (!bytes) return undefined;
  const { mediaType } = record.value;
  const manifest = { bytes: new Uint8Array(bytes), mediaType, headers: headersOf(digest, record.value) };
  core.cache.rememberManifest(generation, { repository, digest }, manifest);
  return manifest;
}

/** PUT of a manifest by tag, or by digest with any number of `tag` parameters. */
export async function putManifest(call: Call, repository: string, reference: string): Promise<Response> {
  const { core, actor } = call;
  const named = checkReference(reference);
  const tags = tagsToSet(call, reference, named);
  const bytes = await readManifestBody(call.request);
  call.traffic.received += bytes.byteLength;
  if (named && !matchesDigest(bytes, named))
    throw new Refusal("DIGEST_INVALID", "the manifest has another digest", { detail: { expected: named } });
  const digest = named ?? sha256(bytes);
  const manifest = decodePushed(bytes, call.request.headers.get("content-type"));
  if (!core.sparse) await checkBlobs(core, repository, manifest);
  const size = bytes.byteLength;
  await core.admit({ kind: "manifest", repository, digest, size });
  await checkRoom(core, manifestOf(repository, digest, size));
  await checkRoom(core, nameOf(repository));
  for (const tag of tags) await checkRoom(core, countedTag(repository, tag));

  const warnings = await missingManifests(core, repository, manifest);
  const { mediaType, subject } = manifest;
  // One wait for the medium in place of two: the notes only have to be there before the tags.
  const notes = tags.map((tag) => noteTag(core, repository, tag, digest));
  const [pushedAt] = await Promise.all([storeManifest(core, repository, { digest, manifest }), ...notes]);
  const target = { digest, mediaType, size, pushedAt, ...(actor === undefined ? {} : { actor }) };
  for (const tag of tags) await moveNotedTag(core, repository, tag, target);
  // Deleted by its digest meanwhile: either that deletion saw these tags, or this look sees what it took.
  if (!(await core.objects.head(manifestKey(repository, digest))))
    await storeManifest(core, repository, { digest, manifest });
  core.emit({ type: "manifest.pushed", repository, actor, at: pushedAt, digest, mediaType, size, tags });

  const response = new Response(null, {
    status: 201,
    headers: {
      ...versionHeader,
      Location: `/v2/${repository}/manifests/${digest}`,
      "Docker-Content-Digest": digest,
      ...(subject ? { "OCI-Subject": subject } : {}),
    },
  });
  if (named) for (const tag of tags) response.headers.append("OCI-Tag", tag);
  for (const warning of warnings) response.headers.append("Warning", `299 - "${warning}"`);
  return response;
}

/** A manifest of a repository, as quotas count it. */
export function manifestOf(repository: string, digest: Digest, size: number): Counted {
  return { repository, key: manifestKey(repository, digest), amount: () => ({ bytes: size }) };
}

/** Makes a manifest readable in a repository, by digest; resolves to when, milliseconds since the epoch. */
export async function storeManifest(
  core: Core,
  repository: string,
  { digest, manifest }: { readonly digest: Digest; readonly manifest: PushedManifest },
): Promise<number> {
  const { bytes, mediaType, subject } = manifest;
  // Bytes first, names last: whoever finds a name finds what it stands for, even if this process dies here.
  const size = bytes.byteLength;
  const pushedAt = Date.now();
  const record: ManifestRecord = { mediaType, size, pushedAt, ...(subject ? { subject } : {}) };
  await putCounted(core, manifestOf(repository, digest, size), encodeRecord(record), async () => {
    await spare(core.objects, digest);
    await core.objects.put(blobKey(digest), bytes);
    core.cache.forget(repository, digest);
  });
  core.cache.forget(repository, digest);
  if (subject) {
    const descriptor = referrerDescriptor(digest, manifest);
    await core.objects.put(referrerKey(repository, subject, digest), encodeRecord(descriptor));
  }
  await rememberName(core, repository);
  return pushedAt;
}

/** DELETE of a tag, or of a manifest with every tag that points to it. */
export async function deleteManifest(call: Call, repository: string, reference: string): Promise<Response> {
  const { core, actor } = call;
  const digest = checkReference(reference);
  if (!digest) {
    const removed = await deleteTagForUndo(core, repository, reference);
    core.emit({ type: "tag.deleted", repository, actor, at: Date.now(), tag: reference, digest: removed });
    return new Response(null, { status: 202, headers: versionHeader });
  }
  const key = manifestKey(repository, digest);
  const record = await readRecord<ManifestRecord>(core.objects, key);
  if (!record) throw new Refusal("MANIFEST_UNKNOWN", "the repository holds no such manifest");
  const tags = await tagsOf(core, repository, digest);
  // A manifest goes with all its tags or stays with all of them: every rule is asked before anything changes.
  for (const tag of tags) await core.admit({ kind: "tag", repository, tag, from: digest });
  await keepForUndo(core, repository, { digest, tags });
  for (const tag of tags) await deleteTag(core, repository, tag, digest);
  const { subject } = record.value;
  const listed = subject && referrerKey(repository, subject, digest);
  const descriptor = listed && (await readRecord<object>(core.objects, listed));
  core.cache.forget(repository, digest);
  await deleteCounted(core, manifestOf(repository, digest, record.value.size), {
    until: Date.now() + core.undo,
  });
  core.cache.forget(repository, digest);
  if (listed) await core.objects.delete(listed);
  // A push set a tag meanwhile and is told that it is there: so is its manifest.
  if ((await tagsOf(core, repository, digest)).length > 0) {
    if (listed && descriptor) await core.objects.put(listed, encodeRecord(descriptor.value));
    await putCounted(core, manifestOf(repository, digest, record.value.size), encodeRecord(record.value));
    core.cache.forget(repository, digest);
    await rememberName(core, repository);
  }
  await deleteName(core, repository);
  core.emit({ type: "manifest.deleted", repository, actor, at: Date.now(), digest, tags });
  return new Response(null, { status: 202, headers: versionHeader });
}

/** What goes is what can be had back: a tag that moves meanwhile is looked at again. Throws MANIFEST_UNKNOWN. */
async function deleteTagForUndo(core: Core, repository: string, tag: string): Promise<Digest> {
  for (;;) {
    const target = await resolveTag(core, repository, tag);
    if (!target) throw new Refusal("MANIFEST_UNKNOWN", "the repository has no such tag");
    await core.admit({ kind: "tag", repository, tag, from: target });
    await keepForUndo(core, repository, { digest: target, tags: [tag] });
    if (await deleteTag(core, repository, tag, target)) return target;
  }
}

/** Before a deletion: what it takes can be had back from the trash. */
export async function keepForUndo(
  core: Core,
  repository: string,
  { digest, tags }: { digest: Digest; tags: readonly string[] },
): Promise<void> {
  const found = await readRecord<ManifestRecord>(core.objects, manifestKey(repository, digest));
  if (found) await throwAway(core, { repository, digest, record: found.value, tags, deletedAt: Date.now() });
}

/** The digest, or undefined for a tag. Throws DIGEST_INVALID, TAG_INVALID. */
function checkReference(reference: string): Digest | undefined {
  if (isDigest(reference)) return reference;
  if (reference.includes(":")) throw new Refusal("DIGEST_INVALID", "this is not a sha256 or sha512 digest");
  if (!isTag(reference)) throw new Refusal("TAG_INVALID", "the tag is malformed");
  return undefined;
}

function tagsToSet(call: Call, reference: string, named: Digest | undefined): string[] {
  if (!named) return [reference];
  const tags = [...new Set(call.query.getAll("tag"))];
  if (tags.length > tagParameterLimit)
    throw new Refusal("TAG_INVALID", `one push sets at most ${tagParameterLimit} tags`, { status: 414 });
  for (const tag of tags) if (!isTag(tag)) throw new Refusal("TAG_INVALID", "a tag is malformed");
  return tags;
}

/** An image whose blobs are not here, or are of another size than it says, could not be pulled. */
async function checkBlobs(core: Core, repository: string, manifest: PushedManifest): Promise<void> {
  const blobs = new Map(manifest.blobs.map((blob) => [blob.digest, blob]));
  const found: { readonly blob: Descriptor; readonly info: ObjectInfo | undefined }[] = [];
  await eachOf([...blobs.values()], async (blob) => {
    found.push({ blob, info: await holdBlob(core, repository, blob.digest) });
  });
  const missing = found.filter(({ info }) => !info).map(({ blob }) => blob.digest);
  if (missing.length > 0)
    throw new Refusal("MANIFEST_BLOB_UNKNOWN", "blobs of the manifest are not in the repository", {
      detail: missing.slice(0, 100).map((digest) => ({ digest })),
    });
  const wrong = found.find(({ blob, info }) => info!.size !== blob.size);
  if (wrong)
    throw new Refusal("MANIFEST_INVALID", "the manifest says another size than a blob has", {
      detail: { digest: wrong.blob.digest, size: wrong.info!.size },
    });
}

/** An index may name platforms that are not here; whoever pushes it should know. */
async function missingManifests(core: Core, repository: string, manifest: PushedManifest): Promise<string[]> {
  const warnings: string[] = [];
  await eachOf(manifest.manifests, async ({ digest }) => {
    if (!(await holdManifest(core, repository, digest)) && warnings.length < 16)
      warnings.push(`the index names ${digest}, which is not in this repository`);
  });
  return warnings;
}
