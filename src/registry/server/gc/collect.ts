import type { Digest } from "../../../oci/index.ts";
import type { Core } from "../core.ts";
import { blobKey, digestOfKey } from "../layout.ts";
import { type Evicted, evict } from "../proxy/evict.ts";
import { acquit, sentence } from "./condemned.ts";
import { condemnedPrefix, digestOfWord, trashPrefix } from "./keys.ts";
import { Lease } from "./lease.ts";
import { type RepositoryRules, sweepRepository } from "./repository.ts";
import { expireTrash } from "./trash.ts";
import { keysUnder, repositories } from "./walk.ts";

export interface CollectOptions {
  /** Say what would be taken and take nothing. */
  readonly dryRun?: boolean;
  /** Manifests that no tag leads to. Kept when absent: people deploy by digest. */
  readonly untagged?: RepositoryRules["untagged"];
  /** Milliseconds after which an upload that nothing was added to is given up; a day when absent. */
  readonly uploads?: number;
  /** Ends the collection early; the report says `interrupted`. */
  readonly signal?: AbortSignal;
}

export interface CollectReport {
  readonly dryRun: boolean;
  /** Another collector took the lease, or the work was not finished for it. */
  readonly interrupted: boolean;
  readonly manifests: readonly { readonly repository: string; readonly digest: Digest }[];
  /** Blobs that a repository does not hold any more. */
  readonly unlinked: readonly { readonly repository: string; readonly digest: Digest }[];
  /** Blobs that no repository holds: they go at the first collection after the grace period. */
  readonly condemned: readonly Digest[];
  readonly deleted: readonly Digest[];
  /** Bytes of the deleted blobs. */
  readonly freed: number;
  readonly uploads: number;
  /** What caches of other registries gave up: it goes as what no repository holds. */
  readonly evicted: readonly Evicted[];
  /** Entries of the trash that were too old. */
  readonly expired: number;
  /** Manifests whose bytes are missing or damaged; nothing of their repositories was taken. */
  readonly unreadable: readonly { readonly repository: string; readonly digest: Digest }[];
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] };

const day = 24 * 3600 * 1000;

/**
 * Takes what nothing needs, while the registry serves. Undefined when another collector is at work. See `hold.ts` and
 * `condemned.ts` for why nothing is lost in a race with a push.
 */
export async function collect(core: Core, options: CollectOptions = {}): Promise<CollectReport | undefined> {
  const { dryRun = false, untagged = "keep", uploads = day, signal } = options;
  await using lease = await Lease.take(core.objects);
  if (!lease) return undefined;
  const report: Mutable<CollectReport> = {
    ...{ dryRun, interrupted: false, manifests: [], unlinked: [], condemned: [], deleted: [] },
    ...{ freed: 0, uploads: 0, evicted: [], expired: 0, unreadable: [] },
  };
  const { start } = lease;
  const interrupted = () => ({ ...report, interrupted: true });
  const keep = async () => !signal?.aborted && (await lease.keep());
  for (const upstream of core.proxy?.limited ?? []) {
    const evicted = await evict(core, upstream, { start, dryRun, keep });
    for (const { size } of evicted) if (!dryRun) core.proxy?.metrics.evict(upstream.prefix, size);
    for (const each of evicted) report.evicted.push(each);
  }
  report.expired = await expireTrash(core, { start, dryRun, keep });
  const held = new Set<Digest>();
  for await (const content of repositories(core.objects)) {
    const swept = await sweepRepository(core, content, { start, dryRun, untagged, keep });
    const repository = content.name;
    for (const digest of swept.removed) report.manifests.push({ repository, digest });
    for (const digest of swept.unlinked) report.unlinked.push({ repository, digest });
    for (const digest of swept.unreadable) report.unreadable.push({ repository, digest });
    if (swept.interrupted || !(await keep())) return interrupted();
    // What was taken just now counts as held once more: the next collection looks again.
    for (const digest of content.blobs) held.add(digest);
    for (const digest of content.manifests) held.add(digest);
  }
  for await (const key of keysUnder(core.objects, trashPrefix)) held.add(digestOfWord(key));
  for await (const key of keysUnder(core.objects, "blobs/")) {
    if (!(await keep())) return interrupted();
    const digest = digestOfKey(key);
    if (!held.has(digest)) await sweepBlob(core, digest, { start, report });
  }
  if (!dryRun)
    for await (const key of keysUnder(core.objects, condemnedPrefix)) {
      const digest = digestOfWord(key);
      if (held.has(digest) || !(await core.objects.head(blobKey(digest))))
        await acquit(core.objects, digest, start);
    }
  if (!dryRun) await core.quotas.recount(start, core.grace);
  for (const id of await core.objects.staleUploads(start - uploads)) {
    if (!dryRun) await core.objects.dropUpload(id);
    report.uploads++;
  }
  return report;
}

async function sweepBlob(
  core: Core,
  digest: Digest,
  { start, report }: { start: number; report: Mutable<CollectReport> },
): Promise<void> {
  const info = await core.objects.head(blobKey(digest));
  if (!info || info.modified >= start - core.grace) return;
  const step = await sentence(core.objects, digest, { start, grace: core.grace, dryRun: report.dryRun });
  if (step === "condemned") report.condemned.push(digest);
  if (step !== "deleted") return;
  report.deleted.push(digest);
  report.freed += info.size;
}
