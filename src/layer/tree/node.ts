import type { Inode } from "../../erofs/index.ts";

/**
 * A file, directory or other thing in the merged view. Values as in a tar entry: mode 0 to 0o7777, mtime in seconds
 * (may be negative) with nanoseconds apart.
 */
export interface Node extends Omit<Inode, "nid"> {
  /** Equal for names of one inode (hardlinks), different for any other two nodes of the tree. */
  readonly key: string;
  /** Where it comes from, topmost first; more than one only for merged directories. */
  readonly parts: readonly Part[];
}

/** An inode of one layer. Layers count from 0, the lowest. */
export interface Part {
  readonly layer: number;
  readonly nid: number;
}

/** A name in a merged directory. */
export interface TreeEntry {
  readonly name: string;
  readonly node: Node;
}
