import type { Digest } from "../../../oci/index.ts";
import { deleteName } from "../catalog.ts";
import type { Core } from "../core.ts";
import { namesIn } from "../gc/repository.ts";
import { eachOf, type RepositoryContent, repositories } from "../gc/walk.ts";
import { blobKey, blobLinkKey, manifestKey, referrerKey } from "../layout.ts";
import { loadManifest } from "../manifests.ts";
import { Refusal } from "../protocol/refusal.ts";
import { type ManifestRecord, readRecord } from "../records.ts";
import { whileUnchanged } from "../storage/fault.ts";
import { deleteTag, resolveTag } from "../tags.ts";
import { cachedBlobKey } from "./keys.ts";
import type { Upstream } from "./upstream.ts";

/** What a cache gave up; it can be had from the upstream again. */
export interface Evicted {
  /** The upstream's prefix. */
  readonly upstream: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

export interface EvictOptions {
  /** Milliseconds since the epoch, by the clock that stamps the objects. */
  readonly start: number;
  readonly dryRun: boolean;
  /** Whether to go on. */
  readonly keep: () => Promise<boolean>;
}

/** One blob or manifest of an upstream, with all places it can be read through. */
interface Kept {
  size: number;
  /** Milliseconds since the epoch. */
  usedAt: number;
  pinned: boolean;
  readonly places: Place[];
}

interface Place {
  readonly repository: string;
  readonly kind: "blob" | "manifest";
  readonly etag: string;
  readonly tags: readonly string[];
}

/** When there is too much, this part of what is allowed is left, so that not every collection takes a little. */
const lowWater = 0.9;

/**
 * Takes from the cache of an upstream what was not used for too long, and what was used longest ago while there is more than
 * is allowed. Only names are taken here: the bytes go as all bytes without names do, a grace period later.
 */
export async function evict(core: Core, upstream: Upstream, options: EvictOptions): Promise<Evicted[]> {
  const { maxBytes = Number.POSITIVE_INFINITY, maxAge = Number.POSITIVE_INFINITY, prefix } = upstream;
  const { start, dryRun, keep } = options;
  const kept = new Map<Digest, Kept>();
  for await (const content of repositories(core.objects, `repos/${prefix}/`)) {
    if (!(await keep())) return [];
    await look(core, upstream, { content, kept });
  }
  let total = 0;
  for (const { size } of kept.values()) total += size;
  const allowed = total > maxBytes ? maxBytes * lowWater : maxBytes;
  const evicted: Evicted[] = [];
  const oldestFirst = [...kept].sort(([, a], [, b]) => a.usedAt - b.usedAt);
  for (const [digest, { size, usedAt, pinned, places }] of oldestFirst) {
    if (usedAt >= start - maxAge && total <= allowed) break;
    if (pinned || !(await keep())) continue;
    if (!dryRun) {
      const gone = await Promise.all(places.map((place) => drop(core, digest, place)));
      if (gone.includes(false)) continue;
      await core.objects.delete(cachedBlobKey(prefix, digest));
    }
    total -= size;
    evicted.push({ upstream: prefix, digest, size });
  }
  return evicted;
}

/** Adds what a repository holds. */
async function look(
  core: Core,
  upstream: Upstream,
  { content, kept }: { readonly content: RepositoryContent; readonly kept: Map<Digest, Kept> },
): Promise<void> {
  const { name: repository } = content;
  const tags = new Map<Digest, string[]>();
  const pins: Digest[] = [];
  await eachOf(content.tags, async (tag) => {
    const digest = await resolveTag(core, repository, tag);
    if (!digest) return;
    tags.set(digest, [...(tags.get(digest) ?? []), tag]);
    if (upstream.isPinned(`${repository.slice(upstream.prefix.length + 1)}:${tag}`)) pins.push(digest);
  });
  const pinned = await reachable(core, repository, pins);
  const add = (kind: Place["kind"]) => async (digest: Digest) => {
    const info = await core.objects.head((kind === "blob" ? blobLinkKey : manifestKey)(repository, digest));
    if (!info) return;
    const size = kept.get(digest)?.size ?? (await core.objects.head(blobKey(digest)))?.size ?? 0;
    const known = kept.get(digest) ?? { size, usedAt: 0, pinned: false, places: [] };
    known.usedAt = Math.max(known.usedAt, info.modified);
    known.pinned ||= pinned.has(digest);
    known.places.push({ repository, kind, etag: info.etag, tags: tags.get(digest) ?? [] });
    kept.set(digest, known);
  };
  await eachOf(content.blobs, add("blob"));
  await eachOf(content.manifests, add("manifest"));
}

/** Manifests and all they name. */
async function reachable(core: Core, repository: string, from: readonly Digest[]): Promise<Set<Digest>> {
  const found = new Set<Digest>();
  const queue = [...from];
  for (let digest = queue.pop(); digest; digest = queue.pop()) {
    if (found.has(digest)) continue;
    found.add(digest);
    const manifest = await loadManifest(core, repository, digest);
    if (manifest) queue.push(...(namesIn(manifest.bytes, manifest.mediaType) ?? []));
  }
  return found;
}

/** False when somebody uses it just now, or a rule keeps one of its tags. */
async function drop(core: Core, digest: Digest, { repository, kind, etag, tags }: Place): Promise<boolean> {
  if (kind === "blob")
    return whileUnchanged(() => core.objects.delete(blobLinkKey(repository, digest), etag));
  const key = manifestKey(repository, digest);
  try {
    for (const tag of tags) await deleteTag(core, repository, tag, digest);
  } catch (error) {
    if (error instanceof Refusal) return false;
    throw error;
  }
  const record = await readRecord<ManifestRecord>(core.objects, key);
  core.cache.forget(repository, digest);
  const gone = await whileUnchanged(() => core.objects.delete(key, etag));
  core.cache.forget(repository, digest);
  if (!gone) return false;
  if (record?.value.subject) await core.objects.delete(referrerKey(repository, record.value.subject, digest));
  await deleteName(core, repository);
  return true;
}
