import { lstatSync, readdirSync, rmdirSync, unlinkSync, utimesSync } from "node:fs";
import { nodePath } from "../../sys/index.ts";
import { resolveInRoot } from "./resolve.ts";

/** A file or directory that did not exist before the runtime made it to mount something on. */
interface Stub {
  readonly path: string;
  readonly parent: string;
  readonly parentTimes: readonly [atime: number, mtime: number];
}

/**
 * The mount points a runtime will have to make in a root. `remove()` takes away those that are still empty, so that a
 * build's layer does not hold them, and gives the parents their times back. Every path was resolved before the process
 * ran; afterwards each folder on the way must still be a real one, otherwise nothing is touched (CVE-2024-23652).
 */
export function watchStubs(root: string, destinations: readonly string[]): { remove(): void } {
  const stubs = new Map<string, Stub>();
  for (const destination of destinations) {
    let path: string;
    try {
      path = resolveInRoot(root, destination).path;
    } catch {
      continue;
    }
    for (const prefix of prefixes(path)) {
      if (stubs.has(prefix) || lstatSync(nodePath(root + prefix), { throwIfNoEntry: false })) continue;
      const parent = prefix.slice(0, prefix.lastIndexOf("/"));
      const before = lstatSync(nodePath(root + parent || "/"), { throwIfNoEntry: false });
      stubs.set(prefix, {
        path: prefix,
        parent,
        parentTimes: [(before?.atimeMs ?? 0) / 1000, (before?.mtimeMs ?? 0) / 1000],
      });
    }
  }
  return { remove: () => removeStubs(root, [...stubs.values()]) };
}

function removeStubs(root: string, stubs: readonly Stub[]): void {
  const deepestFirst = [...stubs].sort((a, b) => b.path.length - a.path.length);
  for (const stub of deepestFirst) {
    if (!isPlainFolder(root, stub.parent)) continue;
    const at = nodePath(root + stub.path);
    const stat = lstatSync(at, { throwIfNoEntry: false });
    if (stat?.isDirectory() && readdirSync(at).length === 0) rmdirSync(at);
    else if (stat?.isFile() && stat.size === 0) unlinkSync(at);
    else continue;
    const wasThere = !stubs.some((other) => other.path === stub.parent);
    if (wasThere) utimesSync(nodePath(root + stub.parent || "/"), ...stub.parentTimes);
  }
}

/** True when no part of the path is a link: lstat of the whole would follow those in the middle. */
function isPlainFolder(root: string, path: string): boolean {
  return prefixes(path).every((prefix) =>
    lstatSync(nodePath(root + prefix), { throwIfNoEntry: false })?.isDirectory(),
  );
}

/** `/a`, `/a/b`, `/a/b/c` of `/a/b/c`. */
function prefixes(path: string): string[] {
  const parts = path.split("/").filter((part) => part !== "");
  return parts.map((_, n) => `/${parts.slice(0, n + 1).join("/")}`);
}
