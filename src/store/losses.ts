import { createHash } from "node:crypto";
import { closeSync, lstatSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Digest, digestAlgorithm, digestHex } from "../oci/index.ts";
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
  const tar = join(path, "layer.tar");
  const problem =
    lengthProblem(tar, size) ??
    lengthProblem(join(path, "layer.erofs")) ??
    (filesSize(path) === disk_size ? undefined : "its files do not have the recorded length") ??
    contentProblem(tar, digest);
  return problem === undefined ? undefined : { kind, digest, path, problem };
}

function isThere(database: Database, { kind, digest }: Row): boolean {
  return database.all<Row>(`select * from (${rows}) where kind = ? and digest = ?`, kind, digest).length > 0;
}

/** Bytes of the files right in a folder, as commit counted them: what was extracted later stands in folders. */
function filesSize(path: string): number {
  return namesIn(path).reduce((sum, name) => {
    const stat = lstatSync(join(path, name), { throwIfNoEntry: false });
    return sum + (stat?.isFile() ? stat.size : 0);
  }, 0);
}

function lengthProblem(path: string, size?: number): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) return `${path} is missing`;
  if (size !== undefined && stat.size !== size) return `${path} has ${stat.size} bytes, not ${size}`;
  return undefined;
}

function contentProblem(path: string, digest: Digest): string | undefined {
  const hash = createHash(digestAlgorithm(digest));
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

function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
