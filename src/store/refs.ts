import type { Database } from "./database.ts";

/** What a lease, a cache record or a container can keep alive. An image keeps its blobs and layers. */
export type RefKind = "blob" | "layer" | "image";

export interface Ref {
  readonly kind: RefKind;
  /** Digest: of the blob, the diff ID, the image ID. */
  readonly key: string;
}

const exists = {
  blob: "select 1 from blobs where digest = ?",
  layer: "select 1 from layers where diff_id = ?",
  image: "select 1 from images where id = ?",
} as const;

/** Whether the store has it now. Only meaningful inside a write, or when something keeps it alive. */
export function isStored(database: Database, ref: Ref): boolean {
  return database.get(exists[ref.kind], ref.key) !== undefined;
}

/** Notes that `holder` keeps `ref` alive. Idempotent. */
export function addRef(database: Database, holderKind: string, holder: string, ref: Ref): void {
  database.run("insert or ignore into refs values (?, ?, ?, ?)", holderKind, holder, ref.kind, ref.key);
}

export function dropRefs(database: Database, holderKind: string, holder: string): void {
  database.run("delete from refs where holder_kind = ? and holder = ?", holderKind, holder);
}
