import type { Digest } from "../oci/index.ts";
import type { Database } from "./database.ts";

/** What a mark took out of the tables. Sizes in bytes. */
export interface Unreferenced {
  readonly layers: readonly { readonly digest: Digest; readonly size: number }[];
  readonly blobs: readonly { readonly digest: Digest; readonly size: number }[];
}

/**
 * Deletes the rows of layers and blobs that nothing keeps: not an image, a container, a living lease or a cache record. Runs inside a
 * write, so nothing can start to use them meanwhile; their bytes then belong to nobody.
 */
export function mark(database: Database): Unreferenced {
  // Refs of holders that are gone, should any have been left.
  database.run("delete from refs where holder_kind = 'lease' and holder not in (select id from leases)");
  database.run(
    "delete from refs where holder_kind = 'cache' and holder not in (select key from cache_records)",
  );
  database.run(
    "delete from refs where holder_kind in ('container', 'network', 'volume') and not exists (select 1 from records where kind = holder_kind and id = holder)",
  );
  const layers = database.all<{ digest: Digest; size: number }>(
    `delete from layers
     where diff_id not in (select diff_id from image_layers)
       and diff_id not in (select key from refs where kind = 'layer')
     returning diff_id as digest, disk_size as size`,
  );
  database.run("delete from layer_forms where diff_id not in (select diff_id from layers)");
  const blobs = database.all<{ digest: Digest; size: number }>(
    `delete from blobs
     where digest not in (select digest from image_blobs)
       and digest not in (select digest from layer_forms)
       and digest not in (select key from refs where kind = 'blob')
     returning digest, size`,
  );
  database.run("delete from layer_forms where digest not in (select digest from blobs)");
  database.run("delete from tags where image_id not in (select id from images)");
  database.run("delete from repo_digests where image_id not in (select id from images)");
  return { layers, blobs };
}
