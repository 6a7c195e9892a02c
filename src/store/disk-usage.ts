import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Digest } from "../oci/index.ts";
import type { Database } from "./database.ts";
import { type Layout, layerPath } from "./layout.ts";
import { treeSize } from "./tree-size.ts";

/** Sizes in bytes. `shared` counts layers that other images have too, `unique` those that would go with the image. */
export interface ImageUsage {
  readonly id: Digest;
  readonly size: number;
  readonly shared: number;
  readonly unique: number;
  /** Containers made from it. */
  readonly containers: number;
}

export interface KindUsage {
  readonly count: number;
  /** How many are in use: images by containers, volumes by nobody's knowledge here. */
  readonly active: number;
  readonly size: number;
  /** What removing the inactive ones would free. */
  readonly reclaimable: number;
}

export interface DiskUsage {
  readonly images: KindUsage & { readonly each: readonly ImageUsage[] };
  /** All layers, whatever keeps them. */
  readonly layers: { readonly count: number; readonly size: number };
  /** Manifests, configs and compressed layers. */
  readonly blobs: { readonly count: number; readonly size: number };
  readonly containers: { readonly count: number; readonly size: number };
  readonly volumes: { readonly count: number; readonly size: number };
  /** Records, and the layers that only they keep. */
  readonly buildCache: KindUsage;
}

const imageSizes = `
with uses as (select diff_id, count(distinct image_id) as images from image_layers group by diff_id),
     own as (select distinct image_id, diff_id from image_layers)
select images.id,
       coalesce(sum(layers.disk_size), 0) as size,
       coalesce(sum(case when uses.images > 1 then layers.disk_size else 0 end), 0) as shared,
       (select count(*) from refs where kind = 'image' and key = images.id and holder_kind = 'container') as containers
from images
left join own on own.image_id = images.id
left join layers on layers.diff_id = own.diff_id
left join uses on uses.diff_id = own.diff_id
group by images.id order by images.added_at desc, images.id`;

const cacheOnly = `
select count(*) as layers, coalesce(sum(disk_size), 0) as size from layers
where diff_id in (select key from refs where kind = 'layer' and holder_kind = 'cache')
  and diff_id not in (select diff_id from image_layers)
  and diff_id not in (select key from refs where kind = 'layer' and holder_kind <> 'cache')`;

/** How much each kind of thing takes. Walks the folders of containers and volumes. */
export function diskUsage(database: Database, layout: Layout): DiskUsage {
  const tables = withExtracted(
    database,
    layout,
    database.read(() => readTables(database)),
  );
  const folder = (kind: "container" | "volume", at: string) => {
    const rows = tables.records.filter((record) => record.kind === kind);
    const names = rows.map((row) => join(at, kind === "volume" ? row.name : row.id));
    return { count: rows.length, size: names.reduce((sum, path) => sum + treeSize(path), 0) };
  };
  const { records: _, ...rest } = tables;
  return {
    ...rest,
    containers: folder("container", layout.containers),
    volumes: folder("volume", layout.volumes),
  };
}

function readTables(database: Database) {
  const one = <T>(sql: string) => database.get<T>(sql)!;
  const total = (table: string, column: string) =>
    one<{ count: number; size: number }>(
      `select count(*) as count, coalesce(sum(${column}), 0) as size from ${table}`,
    );
  const each = database
    .all<Omit<ImageUsage, "unique">>(imageSizes)
    .map((usage) => ({ ...usage, unique: usage.size - usage.shared }));
  const size = one<{ size: number }>(
    "select coalesce(sum(disk_size), 0) as size from layers where diff_id in (select diff_id from image_layers)",
  ).size;
  const cache = one<{ layers: number; size: number }>(cacheOnly);
  const used = one<{ size: number }>(
    `select coalesce(sum(disk_size), 0) as size from layers where diff_id in
     (select diff_id from image_layers where image_id in (select key from refs where kind = 'image' and holder_kind = 'container'))`,
  ).size;
  return {
    images: {
      count: each.length,
      active: each.filter((image) => image.containers > 0).length,
      size,
      reclaimable: size - used,
      each,
    },
    layers: total("layers", "disk_size"),
    blobs: total("blobs", "size"),
    buildCache: {
      count: one<{ count: number }>("select count(*) as count from cache_records").count,
      active: 0,
      size: cache.size,
      reclaimable: cache.size,
    },
    records: database.all<{ kind: string; id: string; name: string }>("select kind, id, name from records"),
  };
}

/**
 * Adds what the snapshotters that extract keep beside a layer. It is no part of the recorded sizes, because it may be
 * made and dropped at any time.
 */
function withExtracted(database: Database, layout: Layout, tables: ReturnType<typeof readTables>) {
  const extra = new Map<string, number>();
  for (const { diff_id } of database.all<{ diff_id: Digest }>("select diff_id from layers")) {
    const size = foldersSize(layerPath(layout, diff_id));
    if (size > 0) extra.set(diff_id, size);
  }
  if (extra.size === 0) return tables;
  const sum = (diffIDs: Iterable<string>) =>
    [...diffIDs].reduce((total, diffID) => total + (extra.get(diffID) ?? 0), 0);
  const uses = database.all<{ image_id: string; diff_id: string }>(
    "select distinct image_id, diff_id from image_layers",
  );
  const imagesOf = Map.groupBy(uses, (use) => use.diff_id);
  const layersOf = Map.groupBy(uses, (use) => use.image_id);
  const active = tables.images.each.filter(({ containers }) => containers > 0).map(({ id }) => id as string);
  const used = new Set(uses.filter((use) => active.includes(use.image_id)).map((use) => use.diff_id));
  const each = tables.images.each.map((image) => {
    const layers = (layersOf.get(image.id) ?? []).map((use) => use.diff_id);
    const shared = sum(layers.filter((layer) => imagesOf.get(layer)!.length > 1));
    const all = sum(layers);
    return {
      ...image,
      size: image.size + all,
      shared: image.shared + shared,
      unique: image.unique + all - shared,
    };
  });
  const inImages = sum(imagesOf.keys());
  const { images, layers } = tables;
  return {
    ...tables,
    images: {
      ...images,
      size: images.size + inImages,
      reclaimable: images.reclaimable + inImages - sum(used),
      each,
    },
    layers: { ...layers, size: layers.size + sum(extra.keys()) },
  };
}

/** Bytes in the folders of a folder. */
function foldersSize(path: string): number {
  try {
    const folders = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return folders.reduce((total, { name }) => total + treeSize(join(path, name)), 0);
  } catch {
    return 0;
  }
}
