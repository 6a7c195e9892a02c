import { type Digest, decodeManifestOrIndex, digestFromHex } from "../../../oci/index.ts";
import { linkOf } from "../blobs.ts";
import { deleteName } from "../catalog.ts";
import type { Core } from "../core.ts";
import { blobKey, blobLinkKey, manifestKey, referrerKey } from "../layout.ts";
import { decodePushed, referrerDescriptor } from "../manifest-body.ts";
import { loadManifest, manifestOf } from "../manifests.ts";
import { deleteCounted } from "../quota/counted.ts";
import { encodeRecord, type ManifestRecord, readRecord } from "../records.ts";
import { whileUnchanged } from "../storage/fault.ts";
import { resolveTag } from "../tags.ts";
import { throwAway, trashedDigests } from "./trash.ts";
import { eachOf, type RepositoryContent } from "./walk.ts";

export interface RepositoryRules {
  /** When the collection began, milliseconds since the epoch. */
  readonly start: number;
  readonly dryRun: boolean;
  /** What becomes of manifests that no tag leads to. */
  readonly untagged: "keep" | "collect";
  /** Whether to go on. */
  readonly keep: () => Promise<boolean>;
}

export interface RepositorySweep {
  readonly removed: readonly Digest[];
  /** Blobs this repository does not hold any more. */
  readonly unlinked: readonly Digest[];
  /** Manifests that could not be read: nothing of such a repository is taken. */
  readonly unreadable: readonly Digest[];
  /** It was told to stop: what it took up to then is taken. */
  readonly interrupted: boolean;
}

/** What has to be remembered of each manifest of a repository, of which there may be hundreds of thousands. */
interface Known {
  readonly size: number;
  readonly subject: Digest | undefined;
  readonly etag: string;
  readonly modified: number;
  /** The manifests of this repository that it names. */
  readonly children: readonly Digest[];
}

/** Takes from a repository what nothing in it needs and nobody touched for the grace period. */
export async function sweepRepository(
  core: Core,
  content: RepositoryContent,
  rules: RepositoryRules,
): Promise<RepositorySweep> {
  const repository = content.name;
  const { keep } = rules;
  const here = new Set(content.manifests);
  const manifests = new Map<Digest, Known>();
  const used = new Set<Digest>();
  const unreadable: Digest[] = [];
  const removed: Digest[] = [];
  const unlinked: Digest[] = [];
  const swept = (interrupted: boolean) => ({ removed, unlinked, unreadable, interrupted });
  const readAll = await eachOf(
    content.manifests,
    async (digest) => {
      const found = await readManifest(core, repository, digest);
      if (found === "unreadable") unreadable.push(digest);
      if (found === "unreadable" || found === undefined) return;
      const { names, record, etag, modified } = found;
      for (const name of names) used.add(name);
      if (rules.untagged === "keep") return;
      const children = names.filter((name) => here.has(name));
      manifests.set(digest, { size: record.size, subject: record.subject, etag, modified, children });
    },
    keep,
  );
  if (!readAll) return swept(true);
  // After the manifests: what is deleted goes to the trash first, so it is found in one of the two.
  const trashed = await trashedDigests(core.objects, repository);
  const readTrash = await eachOf(
    trashed,
    async (digest) => {
      const names = await namesOf(core, digest);
      if (!names) unreadable.push(digest);
      for (const name of names ?? []) used.add(name);
    },
    keep,
  );
  if (!readTrash) return swept(true);
  if (unreadable.length > 0) return swept(false);

  if (rules.untagged === "collect") {
    const alive = await reachable(core, content, { manifests, since: rules.start - core.grace });
    for (const [digest, known] of manifests) {
      if (alive.has(digest)) continue;
      if (!(await keep())) return swept(true);
      if (rules.dryRun || (await removeManifest(core, repository, digest, known))) removed.push(digest);
    }
  }
  const unlinkedAll = await eachOf(
    content.blobs.filter((digest) => !used.has(digest)),
    async (digest) => {
      const key = blobLinkKey(repository, digest);
      const info = await core.objects.head(key);
      if (!info || info.modified >= rules.start - core.grace) return;
      const unlink = () => deleteCounted(core, linkOf(core, repository, digest), { etag: info.etag });
      if (rules.dryRun || (await whileUnchanged(unlink))) unlinked.push(digest);
    },
    keep,
  );
  if (unlinkedAll && !rules.dryRun) await sweepNotes(core, content, rules.start - core.grace);
  return swept(!unlinkedAll);
}

/** Takes notes about tags that point elsewhere by now. A young one may be of a push that is just about to set its tag. */
async function sweepNotes(
  core: Core,
  { name, notes, tags }: RepositoryContent,
  before: number,
): Promise<void> {
  const byTag = Map.groupBy(notes, (key) => key.slice(key.lastIndexOf("/") + 1));
  // The only note about a tag that is there is true: nothing has to be read for it.
  for (const tag of tags) if (byTag.get(tag)?.length === 1) byTag.delete(tag);
  await eachOf([...byTag.values()].flat(), async (key) => {
    const [algorithm, hex, tag] = key.split("/").slice(-3) as ["sha256" | "sha512", string, string];
    const info = await core.objects.head(key);
    if (!info || info.modified >= before) return;
    if ((await resolveTag(core, name, tag)) === digestFromHex(hex, algorithm)) return;
    await whileUnchanged(() => core.objects.delete(key, info.etag));
  });
}

interface FoundManifest extends Pick<Known, "etag" | "modified"> {
  readonly record: ManifestRecord;
  /** Everything it names by digest. */
  readonly names: readonly Digest[];
}

async function readManifest(
  core: Core,
  repository: string,
  digest: Digest,
): Promise<FoundManifest | "unreadable" | undefined> {
  const key = manifestKey(repository, digest);
  const info = await core.objects.head(key);
  const found = info && (await readRecord<ManifestRecord>(core.objects, key));
  // Deleted meanwhile.
  if (!found) return undefined;
  const content = await core.objects.read(blobKey(digest), found.value.size).catch(() => undefined);
  const names = content && namesIn(content.bytes, found.value.mediaType);
  if (!names) return "unreadable";
  // A record that was written between the two reads has another version; then its age is not known to be great.
  const modified = info.etag === found.etag ? info.modified : Number.POSITIVE_INFINITY;
  return { record: found.value, etag: found.etag, modified, names };
}

async function namesOf(core: Core, digest: Digest): Promise<readonly Digest[] | undefined> {
  const content = await core.objects.read(blobKey(digest), 4 << 20).catch(() => undefined);
  return content && namesIn(content.bytes);
}

/** What a manifest or index names; undefined when it cannot be read. An index may name blobs too: caches of builds do. */
export function namesIn(bytes: Uint8Array, mediaType?: string): readonly Digest[] | undefined {
  try {
    const document = decodeManifestOrIndex(bytes, mediaType);
    const { subject } = document.value;
    const named =
      document.kind === "index"
        ? document.value.manifests
        : [document.value.config, ...document.value.layers];
    return [...named, ...(subject ? [subject] : [])].map(({ digest }) => digest);
  } catch {
    return undefined;
  }
}

/** Manifests with a tag, young ones, those an index of these names, and referrers of these. */
async function reachable(
  core: Core,
  content: RepositoryContent,
  { manifests, since }: { manifests: ReadonlyMap<Digest, Known>; since: number },
): Promise<Set<Digest>> {
  const queue: Digest[] = [];
  await eachOf(content.tags, async (tag) => {
    const digest = await resolveTag(core, content.name, tag);
    if (digest) queue.push(digest);
  });
  const referrers = Map.groupBy(manifests, ([, { subject }]) => subject);
  for (const [digest, { modified }] of manifests) if (modified >= since) queue.push(digest);
  const alive = new Set<Digest>();
  for (let digest = queue.pop(); digest; digest = queue.pop()) {
    if (alive.has(digest)) continue;
    alive.add(digest);
    for (const child of manifests.get(digest)?.children ?? []) queue.push(child);
    for (const [referrer] of referrers.get(digest) ?? []) queue.push(referrer);
  }
  return alive;
}

/** False when it was pushed or asked for since it was read. */
async function removeManifest(
  core: Core,
  repository: string,
  digest: Digest,
  { etag }: Pick<Known, "etag">,
): Promise<boolean> {
  const key = manifestKey(repository, digest);
  const found = await readRecord<ManifestRecord>(core.objects, key);
  if (found?.etag !== etag) return false;
  const record = found.value;
  await throwAway(core, { repository, digest, record, tags: [], deletedAt: Date.now() });
  core.cache.forget(repository, digest);
  const counted = manifestOf(repository, digest, record.size);
  const removed = await whileUnchanged(() => deleteCounted(core, counted, { etag }));
  core.cache.forget(repository, digest);
  if (!removed) return false;
  if (record.subject) {
    const referrer = referrerKey(repository, record.subject, digest);
    await core.objects.delete(referrer);
    // A push in between stored the manifest anew, and its place in the list after it.
    const pushed = await loadManifest(core, repository, digest);
    if (pushed) {
      const descriptor = referrerDescriptor(digest, decodePushed(pushed.bytes, pushed.mediaType));
      await core.objects.put(referrer, encodeRecord(descriptor));
    }
  }
  await deleteName(core, repository);
  core.emit({ type: "manifest.deleted", repository, at: Date.now(), digest, tags: [] });
  return true;
}
