import { existsSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import { isTemporaryName, temporaryName } from "../../store/index.ts";
import {
  type FileLock,
  fromNodeError,
  fsyncDirectory,
  inUserNamespace,
  lockFile,
  syncFileSystem,
} from "../../sys/index.ts";
import { extractTree, layerSource, removeTree } from "../extract/index.ts";
import type { SnapshotLayer } from "./snapshotter.ts";

/** Where a layer's extracted files are: `fs` beside its tar and index. A directory of that name is complete. */
export function layerDirectory(layer: SnapshotLayer): string {
  return join(dirname(layer.indexPath), "fs");
}

/**
 * Extracts the layers for which that has not been done: into temporary directories, which are then renamed. Processes that want
 * the same layers wait for each other; what a killed one left is cleared away by the next.
 */
export async function extractLayers(
  layers: readonly SnapshotLayer[],
  options: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const missing = layers.filter((layer) => !existsSync(layerDirectory(layer)));
  if (missing.length === 0) return;
  const locks: FileLock[] = [];
  const extracted: Extracted[] = [];
  try {
    // One order for all, or two processes could each hold what the other waits for.
    for (const folder of [...new Set(missing.map(folderOf))].sort())
      locks.push(await lockFile(join(folder, "fs.lock"), options));
    for (const layer of missing) await extractOne(layer, extracted, options);
    complete(extracted);
  } catch (error) {
    for (const { temporary } of extracted) removeTree(temporary);
    throw fromNodeError(error);
  } finally {
    for (const lock of locks) lock.release();
  }
}

interface Extracted {
  readonly temporary: string;
  readonly directory: string;
}

function folderOf(layer: SnapshotLayer): string {
  return dirname(layer.indexPath);
}

async function extractOne(
  layer: SnapshotLayer,
  extracted: Extracted[],
  options: { readonly signal?: AbortSignal },
): Promise<void> {
  const directory = layerDirectory(layer);
  if (existsSync(directory)) return;
  const folder = folderOf(layer);
  // The same layer can be twice in an image.
  if (extracted.some((other) => other.directory === directory)) return;
  for (const name of readdirSync(folder)) if (isTemporaryName(name)) removeTree(join(folder, name));
  // A name that `strake gc` knows: it tells what a killed process left from what is being extracted.
  const temporary = join(folder, temporaryName());
  mkdirSync(temporary, { mode: 0o700 });
  extracted.push({ temporary, directory });
  const source = layerSource(layer);
  try {
    await extractTree(source, temporary, { ...options, xattrName: inUserNamespace() ? userMark : undefined });
  } finally {
    source.close();
  }
}

/** A crash of the machine must not leave a complete name over incomplete files; one wait serves all layers. */
function complete(extracted: readonly Extracted[]): void {
  if (extracted.length > 0) syncFileSystem(extracted[0]!.temporary);
  for (const { temporary, directory } of extracted) {
    renameSync(temporary, directory);
    fsyncDirectory(dirname(directory));
  }
}

/** In a user namespace overlayfs keeps its marks in user.* (mount option userxattr). */
function userMark(name: string): string {
  return name.startsWith("trusted.overlay.") ? name.replace("trusted.", "user.") : name;
}
