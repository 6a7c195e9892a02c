import type { EnteredDirectory } from "./destination.ts";
import type { CopySource, SourceNode } from "./source.ts";

/** A directory on the way to what is copied. */
export interface ParentItem {
  readonly kind: "parent";
  readonly path: string;
  readonly directory: EnteredDirectory;
}

/** Something that is copied. */
export interface NodeItem {
  readonly kind: "node";
  readonly path: string;
  /** Counts the sources: names of one inode stay hardlinks where one source holds them all. */
  readonly turn?: number;
  readonly source: CopySource;
  readonly from: string;
  readonly node: SourceNode;
}

/** One entry to write. `path` is the resolved in-image path; later entries of a path replace earlier ones. */
export type CopyItem = ParentItem | NodeItem;

/** An archive to unpack into the directory `path`. */
export interface ArchiveItem {
  readonly path: string;
  readonly source: CopySource;
  readonly from: string;
  readonly node: SourceNode;
}
