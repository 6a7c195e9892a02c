import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** Bytes of all regular files below a path, each once however many names it has. Symlinks are not followed. */
export function treeSize(path: string): number {
  return sizeOf(path, new Set());
}

function sizeOf(path: string, links: Set<string>): number {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (!stat) return 0;
  if (stat.isDirectory()) {
    let sum = 0;
    for (const name of names(path)) sum += sizeOf(join(path, name), links);
    return sum;
  }
  if (!stat.isFile()) return 0;
  if (stat.nlink > 1) {
    const inode = `${stat.dev}:${stat.ino}`;
    if (links.has(inode)) return 0;
    links.add(inode);
  }
  return stat.size;
}

/** A folder may vanish while it is walked. */
function names(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
