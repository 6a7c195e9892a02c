import { type Digest, decodeManifestOrIndex } from "../../../oci/index.ts";
import { rememberName } from "../catalog.ts";
import type { Core } from "../core.ts";
import { blobKey, referrerKey } from "../layout.ts";
import { decodePushed, referrerDescriptor } from "../manifest-body.ts";
import { manifestOf } from "../manifests.ts";
import { putCounted, putNewCounted } from "../quota/counted.ts";
import { encodeRecord, type ManifestRecord, readRecord, type TagRecord } from "../records.ts";
import { whileUnchanged } from "../storage/fault.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { countedTag, noteTag } from "../tags.ts";
import { spare } from "./condemned.ts";
import { holdBlob, holdManifest } from "./hold.ts";
import { digestOfWord, repositoryTrashPrefix, trashKey, trashPrefix } from "./keys.ts";
import { keysUnder } from "./walk.ts";

/** A manifest that was deleted, or tags that were taken from one. Nothing it needs is collected while it is here. */
export interface TrashEntry {
  readonly repository: string;
  readonly digest: Digest;
  readonly record: ManifestRecord;
  readonly tags: readonly string[];
  /** Milliseconds since the epoch. */
  readonly deletedAt: number;
}

/** Remembers a manifest before it, or tags of it, are deleted. */
export async function throwAway(core: Core, entry: TrashEntry): Promise<void> {
  // What is cached can be had from its upstream again.
  if (core.undo <= 0 || core.proxy?.covers(entry.repository)) return;
  const key = trashKey(entry.repository, entry.digest);
  for (;;) {
    const found = await readRecord<TrashEntry>(core.objects, key);
    const tags = [...new Set([...(found?.value.tags ?? []), ...entry.tags])];
    const condition = found ? { ifMatch: found.etag } : ({ ifNoneMatch: "*" } as const);
    const bytes = encodeRecord({ ...entry, tags });
    if (await whileUnchanged(() => core.objects.put(key, bytes, condition))) return;
  }
}

/** What can be had back, of one repository or of all. */
export async function listTrash(objects: ObjectStore, repository?: string): Promise<TrashEntry[]> {
  const prefix = repository === undefined ? trashPrefix : repositoryTrashPrefix(repository);
  const entries: TrashEntry[] = [];
  for await (const key of keysUnder(objects, prefix)) {
    const found = await readRecord<TrashEntry>(objects, key);
    if (found) entries.push(found.value);
  }
  return entries;
}

/** Digests in a repository's trash: they and what they name count as used. */
export async function trashedDigests(objects: ObjectStore, repository: string): Promise<Digest[]> {
  const digests: Digest[] = [];
  for await (const key of keysUnder(objects, repositoryTrashPrefix(repository)))
    digests.push(digestOfWord(key));
  return digests;
}

/** Empties the trash of what is older than `core.undo`, as long as it may go on; resolves to how many entries that were. */
export async function expireTrash(
  core: Core,
  {
    start,
    dryRun,
    keep,
  }: { readonly start: number; readonly dryRun: boolean; readonly keep: () => Promise<boolean> },
): Promise<number> {
  let expired = 0;
  for await (const key of keysUnder(core.objects, trashPrefix)) {
    if (!(await keep())) break;
    const found = await readRecord<TrashEntry>(core.objects, key);
    if (!found || found.value.deletedAt > start - core.undo) continue;
    if (dryRun || (await whileUnchanged(() => core.objects.delete(key, found.etag)))) expired++;
  }
  return expired;
}

/** Gives up what can be had back, of one repository or of all; resolves to how many entries that were. */
export async function emptyTrash(objects: ObjectStore, repository?: string): Promise<number> {
  const prefix = repository === undefined ? trashPrefix : repositoryTrashPrefix(repository);
  let emptied = 0;
  for await (const key of keysUnder(objects, prefix)) if (await objects.delete(key)) emptied++;
  return emptied;
}

/**
 * Puts a deleted manifest back with those of its tags that point nowhere else by now, with the manifests of an index and with
 * the referrers that went after it (after `since`, where it went with something else itself); resolves to the tags, or to undefined when the trash does not hold it or what it needs is gone.
 */
export async function restore(
  core: Core,
  repository: string,
  digest: Digest,
  since?: number,
): Promise<readonly string[] | undefined> {
  const { objects } = core;
  const found = await readRecord<TrashEntry>(objects, trashKey(repository, digest));
  if (!found) return undefined;
  const { record, tags, deletedAt } = found.value;
  const from = since ?? deletedAt;
  await spare(objects, digest);
  const content = await objects.read(blobKey(digest), record.size);
  if (!content) return undefined;
  const manifest = decodePushed(new Uint8Array(content.bytes), record.mediaType);
  const document = decodeManifestOrIndex(content.bytes, record.mediaType);
  const blobs = document.kind === "manifest" ? [document.value.config, ...document.value.layers] : [];
  // Like a push: what the manifest needs is held before its name appears.
  for (const blob of blobs) {
    const held = await holdBlob(core, repository, blob.digest);
    if (!held && manifest.blobs.some(({ digest }) => digest === blob.digest) && !core.sparse)
      return undefined;
  }
  for (const child of manifest.manifests) {
    if (await holdManifest(core, repository, child.digest)) continue;
    await restore(core, repository, child.digest, from);
  }
  core.cache.forget(repository, digest);
  if (!(await holdManifest(core, repository, digest)))
    await putCounted(core, manifestOf(repository, digest, record.size), encodeRecord(record));
  core.cache.forget(repository, digest);
  if (record.subject) {
    const descriptor = encodeRecord(referrerDescriptor(digest, manifest));
    await objects.put(referrerKey(repository, record.subject, digest), descriptor);
  }
  await rememberName(core, repository);
  const back: string[] = [];
  for (const tag of tags) {
    const { mediaType, size, pushedAt } = record;
    const target: TagRecord = { digest, mediaType, size, pushedAt };
    await noteTag(core, repository, tag, digest);
    core.cache.forget(repository, tag);
    const bytes = encodeRecord(target);
    if (await putNewCounted(core, countedTag(repository, tag), bytes)) back.push(tag);
    core.cache.forget(repository, tag);
  }
  await whileUnchanged(() => objects.delete(trashKey(repository, digest), found.etag));
  // Signatures and the like that a collection took because what they are about was gone, and signatures of these.
  for (const entry of await listTrash(objects, repository))
    if (entry.record.subject === digest && entry.deletedAt >= from)
      await restore(core, repository, entry.digest, from);
  return back;
}
