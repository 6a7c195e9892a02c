import { cleanPath, Glob, hasWildcard } from "../../dockerfile/index.ts";
import { cleanJoin, joinPath } from "./destination.ts";
import type { CopySource } from "./source.ts";

/**
 * The paths of a source that a pattern names, sorted. Go's filepath.Match a component at a time: wildcards do not cross
 * `/`, and directories that are symlinks are not entered on the way. A path without wildcards is itself the answer.
 */
export function matchSources(source: CopySource, pattern: string): string[] {
  if (!hasWildcard(pattern)) return [cleanJoin(pattern)];
  let found = ["/"];
  const components = cleanJoin(pattern).slice(1).split("/");
  for (const [depth, component] of components.entries()) {
    const last = depth === components.length - 1;
    if (!hasWildcard(component)) {
      found = found.map((directory) => joinPath(directory, component));
      continue;
    }
    const glob = new Glob(component);
    found = found.flatMap((directory) => {
      const { path, node } = source.resolve(directory, true);
      if (node?.type !== "directory") return [];
      const matching: string[] = [];
      for (const { name, node: child } of source.children(path, node))
        if (glob.matches(name) && (last || child.type === "directory"))
          matching.push(joinPath(directory, name));
      return matching;
    });
  }
  // A literal component behind a wildcard may not be there.
  return found.filter((path) => source.resolve(path, true).node !== undefined);
}

/** `a/./b/c` of `--parents`: what is kept of the path starts at the mark, or at the source's root without one. */
export function splitAtMark(pattern: string): { base: string; rest: string } {
  const at = pattern.indexOf("/./");
  return at < 0
    ? { base: "/", rest: cleanJoin(pattern).slice(1) }
    : { base: cleanJoin(pattern.slice(0, at)), rest: cleanPath(cleanJoin(pattern.slice(at + 3))).slice(1) };
}

/**
 * Paths relative to `base` that a `--parents` pattern names; `**` crosses directories there. Nothing below a match is
 * listed: a matched directory is copied whole.
 */
export function matchBelow(source: CopySource, base: string, pattern: string): string[] {
  if (!hasWildcard(pattern)) return [pattern];
  const glob = new Glob(pattern, { doubleStar: true });
  const found: string[] = [];
  const visit = (relative: string) => {
    const { path, node } = source.resolve(joinPath(base, relative), false);
    if (node?.type !== "directory") return;
    for (const child of source.children(path, node)) {
      const name = relative === "" ? child.name : `${relative}/${child.name}`;
      if (glob.matches(name)) found.push(name);
      else if (child.node.type === "directory" && glob.mayMatchBelow(name)) visit(name);
    }
  };
  visit("");
  return found;
}
