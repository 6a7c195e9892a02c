import type { IgnoreMatcher } from "../../dockerfile/index.ts";
import { type Destination, joinPath } from "./destination.ts";
import type { NodeItem } from "./item.ts";
import { refuseDirectory, refuseFile } from "./refuse.ts";
import type { CopySource, SourceNode } from "./source.ts";

/** One directory whose contents are copied, and where to. */
export interface TreeCopy {
  readonly source: CopySource;
  readonly from: string;
  readonly node: SourceNode;
  /** A directory, resolved. */
  readonly to: string;
  readonly excluded: IgnoreMatcher | undefined;
  /** What the directory is called in the patterns of `excluded`; "" for what is their root. */
  readonly relative?: string;
  readonly turn?: number;
  /** The image before this copy: what stands in the way there is refused. Nothing is noted in it. */
  readonly destination?: Destination;
}

interface Level {
  readonly from: string;
  readonly to: string;
  /** Path below the directory that is copied. */
  readonly relative: string;
  /** Nothing is there in the image, so nothing can be in the way. */
  readonly fresh: boolean;
  readonly children: Iterator<{ readonly name: string; readonly node: SourceNode }>;
}

/**
 * The items of one directory's contents, made as they are asked for: kept, those of 200,000 files are 60 MB. Throws BUILD_COPY_DEST.
 */
export function* walkTree(copy: TreeCopy): Generator<NodeItem, void, undefined> {
  const { source, excluded, destination, from, node, to, turn, relative = "" } = copy;
  const isFresh = (path: string) => !destination || destination.isNew(path);
  const childrenOf = (path: string, at: SourceNode) => source.children(path, at)[Symbol.iterator]();
  const levels: Level[] = [{ from, to, relative, fresh: isFresh(to), children: childrenOf(from, node) }];
  // Directories that count only for the sake of what a later `!` pattern takes in again below them.
  const pending: { readonly item: NodeItem; readonly depth: number }[] = [];
  while (levels.length > 0) {
    const level = levels.at(-1)!;
    const next = level.children.next();
    if (next.done) {
      levels.pop();
      if (pending.at(-1)?.depth === levels.length) pending.pop();
      continue;
    }
    const child = next.value;
    const path = joinPath(level.to, child.name);
    const at = joinPath(level.from, child.name);
    const item: NodeItem = { kind: "node", path, turn, source, from: at, node: child.node };
    const here = excluded && (level.relative === "" ? child.name : `${level.relative}/${child.name}`);
    const ignored = excluded?.ignored(here!) ?? false;
    if (child.node.type !== "directory") {
      if (ignored) continue;
      if (!level.fresh && destination!.kindAt(path) === "directory") throw refuseFile(path, at);
    } else {
      if (ignored && excluded!.canSkipDirectory(here!)) continue;
      if (!level.fresh) {
        const kind = destination!.kindAt(path);
        if (kind !== undefined && kind !== "directory") throw refuseDirectory(path, at, kind);
      }
      if (ignored) pending.push({ item, depth: levels.length });
      levels.push({
        from: at,
        to: path,
        relative: here ?? "",
        fresh: level.fresh || isFresh(path),
        children: childrenOf(at, child.node),
      });
      if (ignored) continue;
    }
    if (pending.length > 0) for (const { item: above } of pending.splice(0)) yield above;
    yield item;
  }
}
