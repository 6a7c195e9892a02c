import { existsSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import { fromNodeError, fsyncDirectory, inUserNamespace, lockFile, syncFileSystem } from "../../sys/index.ts";
import { extractTree, layerSource, removeTree } from "../extract/index.ts";
import type { SnapshotLayer } from "./snapshotter.ts";

/** Where a layer's extracted files are: `fs` beside its tar and index. A directory of that name is complete. */
export function layerDirectory(layer: SnapshotLayer): string {
  return join(dirname(layer.indexPath), "fs");
}

const temporaryPrefix = "fs.tmp-";

/**
 * Extracts a layer unless that has been done: into a temporary directory, which is then renamed. Processes that want the same
 * layer wait for each other; what a killed one left is cleared away by the next.
 */
export async function extractLayer(
  layer: SnapshotLayer,
  options: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const directory = layerDirectory(layer);
  if (existsSync(directory)) return;
  const folder = dirname(directory);
  using _lock = await lockFile(join(folder, "fs.lock"), options);
  if (existsSync(directory)) return;
  for (const name of readdirSync(folder))
    if (name.startsWith(temporaryPrefix)) removeTree(join(folder, name));
  const temporary = join(folder, `${temporaryPrefix}${process.pid}`);
  try {
    mkdirSync(temporary, { mode: 0o700 });
    await extractInto(layer, temporary, options);
    // A crash of the machine must not leave a complete name over incomplete files.
    syncFileSystem(folder);
    renameSync(temporary, directory);
    fsyncDirectory(folder);
  } catch (error) {
    removeTree(temporary);
    throw fromNodeError(error);
  }
}

async function extractInto(
  layer: SnapshotLayer,
  directory: string,
  options: { readonly signal?: AbortSignal },
): Promise<void> {
  const source = layerSource(layer);
  try {
    await extractTree(source, directory, { ...options, xattrName: inUserNamespace() ? userMark : undefined });
  } finally {
    source.close();
  }
}

/** In a user namespace overlayfs keeps its marks in user.* (mount option userxattr). */
function userMark(name: string): string {
  return name.startsWith("trusted.overlay.") ? name.replace("trusted.", "user.") : name;
}
