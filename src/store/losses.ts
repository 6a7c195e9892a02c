import { join } from "node:path";
import { type Digest, digestAlgorithm, digestHex } from "../oci/index.ts";
import { layerDamage, lengthProblem } from "./damage.ts";
import type { Database } from "./database.ts";
import { blobPath, type Layout, layerPath } from "./layout.ts";
import { readPieces } from "./read-pieces.ts";

/** A row whose bytes are missing or are not those it names. */
export interface Loss {
  readonly kind: "blob" | "layer";
  readonly digest: Digest;
  readonly path: string;
  readonly problem: string;
}

interface Row {
  readonly kind: Loss["kind"];
  readonly digest: Digest;
  readonly size: number;
  readonly disk_size: number;
  readonly index_digest: Digest | null;
  readonly damage: string | null;
}

const rows =
  "select 'blob' as kind, digest, size, size as disk_size, null as index_digest, null as damage from blobs union all select 'layer', diff_id, size, disk_size, index_digest, damage from layers";

/**
 * The blobs and layers whose files are not what their row says, down to the last bit of blobs, tars and indexes: all of them are read, at the
 * speed of the hash. Others may collect meanwhile: what they take away is no loss.
 */
export function* losses(database: Database, layout: Layout): Generator<Loss> {
  for (const row of database.all<Row>(rows)) {
    const loss = lossOf(layout, row);
    if (loss && database.write(() => isThere(database, row) && remember(database, loss))) yield loss;
    // What could not be read then can be read now.
    if (!loss && row.damage !== null)
      database.run("update layers set damage = null where diff_id = ?", row.digest);
  }
}

function lossOf(layout: Layout, { kind, digest, size, disk_size, index_digest }: Row): Loss | undefined {
  if (kind === "blob") {
    const path = blobPath(layout, digest);
    const problem = lengthProblem(path, size) ?? contentProblem(path, digest);
    return problem === undefined ? undefined : { kind, digest, path, problem };
  }
  const path = layerPath(layout, digest);
  const problem =
    layerDamage(path, { size, diskSize: disk_size }) ??
    contentProblem(join(path, "layer.tar"), digest) ??
    (index_digest === null ? undefined : contentProblem(join(path, "layer.erofs"), index_digest));
  return problem === undefined ? undefined : { kind, digest, path, problem };
}

/** What was read and is wrong is not run any more, and is replaced when it comes again. */
function remember(database: Database, { kind, digest, problem }: Loss): true {
  if (kind === "layer") database.run("update layers set damage = ? where diff_id = ?", problem, digest);
  return true;
}

function isThere(database: Database, { kind, digest }: Row): boolean {
  return database.all<Row>(`select * from (${rows}) where kind = ? and digest = ?`, kind, digest).length > 0;
}

function contentProblem(path: string, digest: Digest): string | undefined {
  const hash = new Bun.CryptoHasher(digestAlgorithm(digest));
  try {
    readPieces(path, (piece) => hash.update(piece));
  } catch (error) {
    return `${path} cannot be read: ${(error as Error).message}`;
  }
  return hash.digest("hex") === digestHex(digest)
    ? undefined
    : `${path} has other bytes than its digest says`;
}
