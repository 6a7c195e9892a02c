import { lstatSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/**
 * What is wrong with a layer's files as far as their lengths tell, and what was found when they were read; undefined when nothing. A few microseconds, unlike reading them: enough to
 * see what a repaired file system or a careless hand has cut off, before the kernel runs programs out of it.
 */
export function layerDamage(
  dir: string,
  { size, diskSize, damage }: { readonly size: number; readonly diskSize: number; readonly damage?: string },
): string | undefined {
  return (
    damage ??
    lengthProblem(join(dir, "layer.tar"), size) ??
    lengthProblem(join(dir, "layer.erofs")) ??
    (filesSize(dir) === diskSize ? undefined : "its files do not have the recorded length")
  );
}

export function lengthProblem(path: string, size?: number): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) return `${path} is missing`;
  if (size !== undefined && stat.size !== size) return `${path} has ${stat.size} bytes, not ${size}`;
  return undefined;
}

/** Bytes of the files right in a folder, as commit counted them: what was extracted later stands in folders. */
function filesSize(path: string): number {
  return namesIn(path).reduce((sum, name) => {
    const stat = lstatSync(join(path, name), { throwIfNoEntry: false });
    return sum + (stat?.isFile() ? stat.size : 0);
  }, 0);
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
