import type { Inode } from "../../erofs/index.ts";
import { fillRange } from "../tree/content.ts";
import type { Tree } from "../tree/index.ts";
import { LayerFiles, type LayerPaths } from "../tree/layer-files.ts";

/** A node to be made, as a layer's index or a merged tree describes it. */
export type SourceNode = Omit<Inode, "nid">;

/** A tree of nodes that can be made on disk. Names are single components: never empty, `.`, `..` or with a `/`. */
export interface Source<Node extends SourceNode = SourceNode> {
  readonly root: Node;
  children(directory: Node): Iterable<{ readonly name: string; readonly node: Node }>;
  /** Equal for names of one inode. */
  key(node: Node): string | number;
  readlink(node: Node): string;
  xattrs(node: Node): ReadonlyMap<string, Uint8Array>;
  /** Where the file holds bytes, in order; everything else reads as zeros. */
  extents(node: Node): Iterable<{ readonly fileOffset: number; readonly length: number }>;
  /** Fills `target` from the file's `offset` on. */
  read(node: Node, offset: number, target: Uint8Array): void;
}

/** The merged view of an image: what a container sees, without whiteouts. */
export function treeSource(tree: Tree): Source<Tree["root"]> {
  return {
    root: tree.root,
    children: (directory) => tree.readdir(directory),
    key: (node) => node.key,
    readlink: (node) => tree.readlink(node),
    xattrs: (node) => tree.xattrs(node),
    extents: (node) => tree.extents(node).extents,
    read: (node, offset, target) => target.set(tree.readRange(node, offset, target.length)),
  };
}

/** One layer as it is, with overlayfs's whiteouts and opaque marks. Close it after use. */
export function layerSource(paths: LayerPaths): Source<Inode> & { close(): void } {
  const files = new LayerFiles(paths);
  const { reader } = files;
  return {
    root: reader.inode(reader.root),
    *children(directory) {
      for (const { name, nid } of reader.readdir(directory.nid)) yield { name, node: reader.inode(nid) };
    },
    key: (node) => node.nid,
    readlink: (node) => reader.readlink(node.nid),
    xattrs: (node) => reader.xattrs(node.nid),
    extents: (node) => reader.extents(node.nid),
    read: (node, offset, target) => fillRange(files, reader.extents(node.nid), offset, target),
    close: () => files.close(),
  };
}
