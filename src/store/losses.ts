import { closeSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { type Digest, digestAlgorithm, digestHex } from "../oci/index.ts";
import { layerDamage, lengthProblem } from "./damage.ts";
import type { Database } from "./database.ts";
import { blobPath, type Layout, layerPath } from "./layout.ts";

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
}

const rows =
  "select 'blob' as kind, digest, size, size as disk_size from blobs union all select 'layer', diff_id, size, disk_size from layers";

/**
 * The blobs and layers whose files are not what their row says, down to the last bit of blobs and layer.tar: all of them are read, at the
 * speed of the hash. Others may collect meanwhile: what they take away is no loss.
 */
export function* losses(database: Database, layout: Layout): Generator<Loss> {
  for (const row of database.all<Row>(rows)) {
    const loss = lossOf(layout, row);
    if (loss && database.write(() => isThere(database, row))) yield loss;
  }
}

function lossOf(layout: Layout, { kind, digest, size, disk_size }: Row): Loss | undefined {
  if (kind === "blob") {
    const path = blobPath(layout, digest);
    const problem = lengthProblem(path, size) ?? contentProblem(path, digest);
    return problem === undefined ? undefined : { kind, digest, path, problem };
  }
  const path = layerPath(layout, digest);
  const problem =
    layerDamage(path, { size, diskSize: disk_size }) ?? contentProblem(join(path, "layer.tar"), digest);
  return problem === undefined ? undefined : { kind, digest, path, problem };
}

function isThere(database: Database, { kind, digest }: Row): boolean {
  return database.all<Row>(`select * from (${rows}) where kind = ? and digest = ?`, kind, digest).length > 0;
}

function contentProblem(path: string, digest: Digest): string | undefined {
  const hash = new Bun.CryptoHasher(digestAlgorithm(digest));
  const buffer = Buffer.allocUnsafe(1 << 20);
  try {
    const file = openSync(path, "r");
    try {
      for (let read = 1; read > 0; ) {
        read = readSync(file, buffer);
        hash.update(buffer.subarray(0, read));
      }
    } finally {
      closeSync(file);
    }
  } catch (error) {
    return `${path} cannot be read: ${(error as Error).message}`;
  }
  return hash.digest("hex") === digestHex(digest)
    ? undefined
    : `${path} has other bytes than its digest says`;
}
