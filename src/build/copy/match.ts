import { cleanPath, Glob, hasWildcard } from "../../dockerfile/index.ts";
import { cleanJoin, joinPath } from "./destination.ts";
import type { CopySource, SourceNode } from "./source.ts";

/** One path that a source argument names. */
export interface SourceMatch<Node extends SourceNode = SourceNode> {
  /** As it is named; symlinks may be on the way. */
  readonly path: string;
  /** Where it leads, symlinks followed. */
  readonly from: string;
  /** Undefined when a path without wildcards leads to nothing. */
  readonly node: Node | undefined;
}

/**
 * The paths of a source that a pattern names, sorted. Go's filepath.Match a component at a time: wildcards do not cross
 * `/`, and directories that are symlinks are not entered on the way. A path without wildcards is itself the answer. One at a time: a pattern
 * may name very many.
 */
export function* matchSources(source: CopySource, pattern: string): Generator<SourceMatch, void, undefined> {
  if (!hasWildcard(pattern)) {
    const path = cleanJoin(pattern);
    yield named(source, path);
    return;
  }
  const components = cleanJoin(pattern).slice(1).split("/");
  yield* matchFrom(
    source,
    "/",
    components.map((text) => (hasWildcard(text) ? new Glob(text) : text)),
  );
}

function* matchFrom(
  source: CopySource,
  directory: string,
  components: readonly (Glob | string)[],
): Generator<SourceMatch, void, undefined> {
  const [first, ...rest] = components;
  if (typeof first === "string") {
    const path = joinPath(directory, first);
    if (rest.length > 0) yield* matchFrom(source, path, rest);
    else yield* thatExist(named(source, path));
    return;
  }
  const { path: at, node } = source.resolve(directory, true);
  if (node?.type !== "directory") return;
  for (const { name, node: child } of source.children(at, node)) {
    if (!first!.matches(name)) continue;
    const path = joinPath(directory, name);
    if (rest.length > 0) {
      if (child.type === "directory") yield* matchFrom(source, path, rest);
    } else if (child.type === "symlink") yield* thatExist(named(source, path));
    else yield { path, from: joinPath(at, name), node: child };
  }
}

function named(source: CopySource, path: string): SourceMatch {
  const { path: from, node } = source.resolve(path, true);
  return { path, from, node };
}

/** A literal component behind a wildcard may not be there, nor what a symlink leads to. */
function* thatExist(match: SourceMatch): Generator<SourceMatch, void, undefined> {
  if (match.node) yield match;
}

/** `a/./b/c` of `--parents`: what is kept of the path starts at the mark, or at the source's root without one. */
export function splitAtMark(pattern: string): { base: string; rest: string } {
  const at = pattern.indexOf("/./");
  return at < 0
    ? { base: "/", rest: cleanJoin(pattern).slice(1) }
    : { base: cleanJoin(pattern.slice(0, at)), rest: cleanPath(cleanJoin(pattern.slice(at + 3))).slice(1) };
}

/**
 * What a `--parents` pattern names below `base`, `path` relative to it and its last component not followed; `**` crosses directories there.
 * Nothing below a match is listed: a matched directory is copied whole.
 */
export function* matchBelow(
  source: CopySource,
  base: string,
  pattern: string,
): Generator<SourceMatch, void, undefined> {
  if (!hasWildcard(pattern)) {
    const { path: from, node } = source.resolve(joinPath(base, pattern), false);
    yield { path: pattern, from, node };
    return;
  }
  const root = source.resolve(base, false);
  const glob = new Glob(pattern, { doubleStar: true });
  if (root.node?.type === "directory")
    yield* matchInside(source, { at: root.path, node: root.node }, "", glob);
}

function* matchInside(
  source: CopySource,
  { at, node }: { readonly at: string; readonly node: SourceNode },
  relative: string,
  glob: Glob,
): Generator<SourceMatch, void, undefined> {
  for (const child of source.children(at, node)) {
    const path = relative === "" ? child.name : `${relative}/${child.name}`;
    const from = joinPath(at, child.name);
    if (glob.matches(path)) yield { path, from, node: child.node };
    else if (child.node.type === "directory" && glob.mayMatchBelow(path))
      yield* matchInside(source, { at: from, node: child.node }, path, glob);
  }
}
