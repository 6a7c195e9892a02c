import type { BuildCache } from "./build-cache.ts";
import type { Database } from "./database.ts";

/** Which build cache records go. Without any field none does. */
export interface CachePolicy {
  /** Records not used for this many milliseconds. */
  readonly unusedFor?: number;
  /** The least recently used ones, until layers that only the cache keeps take at most this many bytes. */
  readonly maxBytes?: number;
  readonly all?: boolean;
}

/** Layers that nothing but cache records keeps, with the records that do. */
const cacheOnlyLayers = `
select refs.holder as record, layers.diff_id as layer, layers.disk_size as size
from refs join layers on layers.diff_id = refs.key
where refs.kind = 'layer' and refs.holder_kind = 'cache'
  and not exists (select 1 from image_layers where diff_id = refs.key)
  and not exists (select 1 from refs other where other.kind = 'layer' and other.key = refs.key and other.holder_kind <> 'cache')`;

/** Removes the records the policy names; gives their keys. Their layers go with the next mark. */
export function applyCachePolicy(database: Database, cache: BuildCache, policy: CachePolicy): string[] {
  return database.write(() => {
    const doomed = new Set<string>();
    for (const { key, usedAt } of cache.list())
      if (policy.all || (policy.unusedFor !== undefined && Date.now() - usedAt > policy.unusedFor))
        doomed.add(key);
    if (policy.maxBytes !== undefined) shrink(database, cache, policy.maxBytes, doomed);
    for (const key of doomed) cache.remove(key);
    return [...doomed];
  });
}

function shrink(database: Database, cache: BuildCache, maxBytes: number, doomed: Set<string>): void {
  const rows = database.all<{ record: string; layer: string; size: number }>(cacheOnlyLayers);
  const layersOf = new Map<string, { layer: string; size: number }[]>();
  const holders = new Map<string, number>();
  let total = 0;
  for (const { record, layer, size } of rows) {
    if (doomed.has(record)) continue;
    const list = layersOf.get(record) ?? [];
    list.push({ layer, size });
    layersOf.set(record, list);
    if (!holders.has(layer)) total += size;
    holders.set(layer, (holders.get(layer) ?? 0) + 1);
  }
  for (const { key } of cache.list().reverse()) {
    if (total <= maxBytes) return;
    const layers = layersOf.get(key);
    if (!layers || doomed.has(key)) continue;
    doomed.add(key);
    for (const { layer, size } of layers) {
      const left = holders.get(layer)! - 1;
      holders.set(layer, left);
      if (left === 0) total -= size;
    }
  }
}
