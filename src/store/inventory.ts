import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Digest, isDigest } from "../oci/index.ts";
import type { Database } from "./database.ts";
import type { Layout } from "./layout.ts";
import { isAbandoned, isTemporaryName } from "./temporary.ts";
import { isKeptUpload } from "./uploads.ts";

/** Something on disk below the data root. */
export interface Item {
  readonly path: string;
  readonly kind: "blob" | "layer" | "container" | "volume" | "context" | "temporary" | "trash" | "unknown";
  /** Whether, at this moment, anybody answers for it. */
  readonly owned: boolean;
}

/** Files of the data root itself. */
const rootFiles = new Set(["strake.db", "strake.db-wal", "strake.db-shm", "reserve"]);

/** Stamps of a context that was not built for this long are dropped, in milliseconds. */
const contextLifetime = 90 * 24 * 3600 * 1000;

/** Everything that is in the data root, one item for each file or folder that has one owner. */
export function* inventory(database: Database, layout: Layout): Generator<Item> {
  for (const algorithm of ["sha256", "sha512"])
    yield* folder(join(layout.blobs, algorithm), (name, path) => {
      const digest = `${algorithm}:${name}`;
      if (!isDigest(digest)) return { path, kind: "unknown", owned: false };
      return { path, kind: "blob", owned: hasBlob(database, digest) };
    });
  yield* folder(layout.layers, (name, path) => {
    const digest = `${name.length === 128 ? "sha512" : "sha256"}:${name}`;
    if (!isDigest(digest)) return { path, kind: "unknown", owned: false };
    return { path, kind: "layer", owned: hasLayer(database, digest) };
  });
  // Snapshotters that extract do so inside the layer's folder.
  for (const name of list(layout.layers))
    if (!isTemporaryName(name))
      for (const item of folder(join(layout.layers, name), (_, path) => ({
        path,
        kind: "unknown",
        owned: true,
      })))
        if (item.kind === "temporary") yield item;
  for (const kind of ["container", "volume"] as const)
    yield* folder(layout[`${kind}s`], (name, path) => ({
      path,
      kind,
      owned: hasRecord(database, kind, name),
    }));
  yield* folder(layout.work, (_, path) => ({ path, kind: "unknown", owned: false }));
  yield* folder(layout.contexts, (_, path) => ({
    path,
    kind: "context",
    owned: age(path) < contextLifetime,
  }));
  yield* folder(layout.trash, (name, path) => ({
    path,
    kind: "trash",
    owned: !isAbandoned(name, age(path)),
  }));
  yield* strangers(layout.blobs, new Set(["sha256", "sha512"]));
  const known = [layout.blobs, layout.layers, layout.containers, layout.volumes, layout.work];
  const names = [...known, layout.contexts, layout.trash].map((path) => path.slice(layout.root.length + 1));
  yield* strangers(layout.root, new Set([...names, ...rootFiles]));
}

/** Whether the store still knows the owner of this item. Inside a write the answer stays true. */
export function isOwned(database: Database, item: Item): boolean {
  const name = item.path.slice(item.path.lastIndexOf("/") + 1);
  if (item.kind === "blob") {
    const algorithm = name.length === 128 ? "sha512" : "sha256";
    return hasBlob(database, `${algorithm}:${name}` as Digest);
  }
  if (item.kind === "layer") {
    const algorithm = name.length === 128 ? "sha512" : "sha256";
    return hasLayer(database, `${algorithm}:${name}` as Digest);
  }
  if (item.kind === "container" || item.kind === "volume") return hasRecord(database, item.kind, name);
  return item.owned;
}

function hasBlob(database: Database, digest: Digest): boolean {
  return database.get("select 1 from blobs where digest = ?", digest) !== undefined;
}

function hasLayer(database: Database, digest: Digest): boolean {
  return database.get("select 1 from layers where diff_id = ?", digest) !== undefined;
}

/** Volumes have their name as folder, containers their ID. */
function hasRecord(database: Database, kind: "container" | "volume", name: string): boolean {
  const sql = "select 1 from records where kind = ?1 and (id = ?2 or name = ?2)";
  return database.get(sql, kind, name) !== undefined;
}

function* folder(path: string, describe: (name: string, path: string) => Item): Generator<Item> {
  for (const name of list(path)) {
    const full = join(path, name);
    if (isTemporaryName(name) && !path.endsWith("/trash"))
      yield { path: full, kind: "temporary", owned: !isLeftover(name, age(full)) };
    else yield describe(name, full);
  }
}

/** A temporary file whose process is gone, and that nobody is expected to come back for. */
function isLeftover(name: string, msOld: number): boolean {
  return isAbandoned(name, msOld) && !isKeptUpload(name, msOld);
}

function* strangers(path: string, known: ReadonlySet<string>): Generator<Item> {
  for (const name of list(path))
    if (!known.has(name)) yield { path: join(path, name), kind: "unknown", owned: false };
}

function list(path: string): string[] {
  try {
    return readdirSync(path).sort();
  } catch {
    return [];
  }
}

/** Milliseconds since the last change; what has just vanished is young. */
function age(path: string): number {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat ? Date.now() - stat.mtimeMs : 0;
}
