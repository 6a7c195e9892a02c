import { renameSync } from "node:fs";
import { join } from "node:path";
import { StrakeError } from "../errors/index.ts";
import { errnoOf, fromNodeError } from "../sys/index.ts";
import type { BuildCache } from "./build-cache.ts";
import { applyCachePolicy, type CachePolicy } from "./cache-policy.ts";
import type { Database } from "./database.ts";
import { type Item, inventory, isOwned } from "./inventory.ts";
import type { Layout } from "./layout.ts";
import { dropDeadLeases } from "./lease.ts";
import { type Loss, losses } from "./losses.ts";
import { mark, type Unreferenced } from "./mark.ts";
import { removeTree } from "./remove-tree.ts";
import { keepReserve, withReserve } from "./reserve.ts";
import { temporaryName } from "./temporary.ts";
import { treeSize } from "./tree-size.ts";

export interface CollectOptions {
  /** Which build cache records go first; none unless asked. */
  readonly cache?: CachePolicy;
  /** Change nothing, say what would go. */
  readonly dryRun?: boolean;
  /** Compare the tables with the disk afterwards, both ways. */
  readonly verify?: boolean;
}

export interface CollectReport {
  readonly layers: Unreferenced["layers"];
  readonly blobs: Unreferenced["blobs"];
  readonly cacheRecords: readonly string[];
  /** Things on disk that nobody owned: left by killed processes. */
  readonly leftovers: readonly {
    readonly path: string;
    readonly kind: Item["kind"];
    readonly size: number;
  }[];
  /** Bytes that were, or would be, freed. */
  readonly freed: number;
  /** With `verify`: what is still wrong. Empty means clean. */
  readonly problems: readonly Problem[];
}

export type Problem =
  | { readonly kind: "no-owner"; readonly path: string; readonly message: string }
  | ({ readonly kind: "no-bytes"; readonly path: string; readonly message: string } & Pick<Loss, "digest">);

interface Collector {
  readonly database: Database;
  readonly layout: Layout;
  readonly cache: BuildCache;
}

/**
 * Removes what nothing keeps. Safe at any time beside any number of processes, and when killed: rows go first, in one
 * transaction; then files without a row are renamed into the trash under the writer's lock, which every publisher holds from rename to
 * row; then the trash is emptied. Whatever a kill leaves has no row and goes the next time.
 */
export function collect(store: Collector, options: CollectOptions = {}): CollectReport {
  const report = options.dryRun ? rehearse(store, options) : perform(store, options);
  const problems = options.verify ? verify(store) : [];
  const freed = [...report.layers, ...report.blobs, ...report.leftovers].reduce(
    (sum, { size }) => sum + size,
    0,
  );
  return { ...report, freed, problems };
}

type Findings = Omit<CollectReport, "freed" | "problems">;

function perform(store: Collector, options: CollectOptions): Findings {
  // Needs no free space in the database, so it comes first: it may make the room the rest needs.
  const leftovers = sweep(store, new Set());
  const { cacheRecords, layers, blobs } = withReserve(store.layout, () => {
    dropDeadLeases(store.database);
    return store.database.write(() => ({
      cacheRecords: applyCachePolicy(store.database, store.cache, options.cache ?? {}),
      ...mark(store.database),
    }));
  });
  const marked = new Set([...layers, ...blobs].map(({ digest }) => digest.slice(7)));
  const swept = sweep(store, marked);
  keepReserve(store.layout);
  return { cacheRecords, layers, blobs, leftovers: [...leftovers, ...swept] };
}

function rehearse(store: Collector, options: CollectOptions): Findings {
  const leftovers = [...inventory(store.database, store.layout)]
    .filter((item) => !item.owned && removable(item))
    .map(describe);
  return store.database.rehearse(() => {
    dropDeadLeases(store.database);
    const cacheRecords = applyCachePolicy(store.database, store.cache, options.cache ?? {});
    return { cacheRecords, ...mark(store.database), leftovers };
  });
}

/** Removes everything on disk without an owner; gives what it was, except what `marked` (hexadecimal digits) already counts. */
function sweep(store: Collector, marked: ReadonlySet<string>): CollectReport["leftovers"] {
  const removed: CollectReport["leftovers"][number][] = [];
  for (const item of inventory(store.database, store.layout)) {
    // Trash may be emptied by anybody, also while its maker is at it.
    if ((item.owned && item.kind !== "trash") || !removable(item)) continue;
    const entry = describe(item);
    if (!discard(store, item)) continue;
    if (!marked.has(item.path.slice(item.path.lastIndexOf("/") + 1)) && item.kind !== "trash")
      removed.push(entry);
  }
  return removed;
}

/** What strake did not make is reported, never deleted. */
function removable(item: Item): boolean {
  return item.kind !== "unknown";
}

function describe(item: Item): CollectReport["leftovers"][number] {
  return { path: item.path, kind: item.kind, size: treeSize(item.path) };
}

const spared = new Set(["ENOENT", "ENOTEMPTY", "EBUSY", "EACCES", "EPERM"]);

/** False when it has an owner after all, is gone, or something is mounted in it. */
function discard({ database, layout }: Collector, item: Item): boolean {
  try {
    if (item.kind === "trash") {
      removeTree(item.path);
      return true;
    }
    const trash = join(layout.trash, temporaryName());
    const taken = database.write(() => {
      if (isOwned(database, item)) return false;
      renameSync(item.path, trash);
      return true;
    });
    if (taken) removeTree(trash);
    return taken;
  } catch (error) {
    // Another gc was faster, or it cannot be removed now: verify reports what stays.
    if (error instanceof StrakeError && error.code === "SYS_BUSY") return false;
    if (spared.has(errnoOf(error) ?? "")) return false;
    throw fromNodeError(error);
  }
}

function verify({ database, layout }: Collector): Problem[] {
  const problems: Problem[] = [];
  for (const item of inventory(database, layout)) {
    // A living process may have just taken or given it up: ask again under the lock.
    if (item.owned || database.write(() => isOwned(database, item))) continue;
    problems.push({
      kind: "no-owner",
      path: item.path,
      message: `${item.path} (${item.kind}) belongs to nothing`,
    });
  }
  for (const loss of losses(database, layout))
    problems.push({
      kind: "no-bytes",
      path: loss.path,
      digest: loss.digest,
      message: `${loss.kind} ${loss.digest}: ${loss.problem}`,
    });
  return problems;
}
