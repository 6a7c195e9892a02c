import type { Digest } from "../../oci/index.ts";
import type { SourceMatch } from "./match.ts";

/** Kinds of file a copy can carry. */
export type SourceType = "file" | "directory" | "symlink" | "char" | "block" | "fifo";

/** A file of a build context or of a stage, as a copy sees it. */
export interface SourceNode {
  readonly type: SourceType;
  /** 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Whole seconds since the epoch. */
  readonly mtime: number;
  readonly devmajor: number;
  readonly devminor: number;
  /** Equal for names of one inode where hardlinks are kept; undefined where they are not. */
  readonly link?: string;
}

/** A file opened for copying. */
export interface OpenFile {
  readonly size: number;
  /** False when it is not what the scan saw any more, as far as that was asked for. */
  readonly unchanged: boolean;
  /** Fills `target` from `offset` on; fewer bytes only at the end of the file. */
  read(target: Uint8Array, offset: number): number;
  close(): void;
}

/**
 * What COPY and ADD read from: the build context, a stage, an image, or heredocs. Paths are absolute within the source and
 * never lead out of it. Everything is synchronous: a copy of many small files spends its time in system calls, and
 * promises would double it.
 */
export interface CopySource<Node extends SourceNode = SourceNode> {
  /** Where a path leads inside the source; `node` is undefined when nothing is there. */
  resolve(path: string, follow: boolean): { readonly path: string; readonly node: Node | undefined };
  /** Names in a directory, sorted, without what is ignored. */
  children(path: string, node: Node): Iterable<{ readonly name: string; readonly node: Node }>;
  readlink(path: string, node: Node): string;
  xattrs(path: string, node: Node): ReadonlyMap<string, Uint8Array> | undefined;
  /** With `verify` the file is compared with what the scan saw; else whatever is there now is taken. */
  open(path: string, node: Node, options: { readonly verify: boolean }): OpenFile;
  /** Digest of a file's bytes when it is known without reading them. */
  knownDigest(path: string, node: Node): Digest | undefined;
  /** Told the digest of bytes that were read after the scan. */
  learnDigest(path: string, node: Node, digest: Digest): void;
  /** Equal ones mean equal contents of all that lies at and below what they name; undefined when that cannot be told. */
  fingerprint(matches: Iterable<SourceMatch<Node>>): string | undefined;
  /** Why a path that is in the folder is not in the source: the rule of an ignore file. */
  ignoredBecause?(path: string): string | undefined;
}
