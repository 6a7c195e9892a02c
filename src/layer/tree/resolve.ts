import { StrakeError } from "../../errors/index.ts";
import { quote } from "../../tar/index.ts";
import type { Node } from "./node.ts";

/** Symlinks followed for one path, as Linux (path_resolution(7)). */
const linkMax = 40;

/** What path resolution asks of a tree. */
export interface Lookups {
  readonly root: Node;
  child(directory: Node, name: string): Node | undefined;
  target(symlink: Node): string;
}

/** Where a path leads. */
export interface Resolved {
  /** The path without symlinks, `.` and `..`; what does not exist is kept as written. */
  readonly path: string;
  /** What is there; undefined when it, or a directory on the way, does not exist. */
  readonly node: Node | undefined;
  /** True when the path goes on behind something that is no directory. */
  readonly blocked: boolean;
}

/**
 * Walks a path from the tree's root, inside the tree only: absolute targets start at its root, `..` stops there.
 * With `follow` a symlink in the last place is followed too. Behind a missing component nothing exists, so the rest
 * is taken as written (`..` steps back over it), which is where creating the path would put it.
 *
 * Errors: `TREE_LOOP`.
 */
export function resolvePath(tree: Lookups, path: string, follow: boolean): Resolved {
  const ahead = path.split("/").reverse();
  const nodes: (Node | undefined)[] = [tree.root];
  const names: string[] = [];
  let links = 0;
  let blocked = false;
  while (ahead.length > 0) {
    const name = ahead.pop()!;
    const here = nodes.at(-1);
    // Also for `.` and a trailing slash, which ask for a directory.
    if (here && here.type !== "directory") blocked = true;
    if (name === "" || name === ".") continue;
    if (name === "..") {
      if (names.length > 0) {
        names.pop();
        nodes.pop();
      }
      continue;
    }
    const next = here?.type === "directory" ? tree.child(here, name) : undefined;
    if (next?.type === "symlink" && (follow || ahead.length > 0)) {
      if (++links > linkMax)
        throw new StrakeError("TREE_LOOP", `too many levels of symbolic links: ${quote(path)}`);
      const target = tree.target(next);
      if (target.startsWith("/")) {
        nodes.length = 1;
        names.length = 0;
      }
      for (const part of target.split("/").reverse()) ahead.push(part);
      continue;
    }
    nodes.push(next);
    names.push(name);
  }
  return { path: `/${names.join("/")}`, node: blocked ? undefined : nodes.at(-1), blocked };
}
