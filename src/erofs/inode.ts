import {
  formatBlock,
  formatChar,
  formatDirectory,
  formatFifo,
  formatFile,
  formatSocket,
  formatSymlink,
} from "./format.ts";

export type InodeType = "file" | "directory" | "symlink" | "char" | "block" | "fifo" | "socket";

/** An inode of an index. Times and modes as in a tar entry (mtime in seconds, may be negative; mode 0 to 0o7777). */
export interface Inode {
  readonly nid: number;
  readonly type: InodeType;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly mtimeNsec: number;
  readonly nlink: number;
  /** Devices only, else 0. */
  readonly devmajor: number;
  readonly devminor: number;
}

/** A run of a file's bytes. Device 0 is the index itself, 1 the layer's tar. What no extent covers reads as zeros. */
export interface Extent {
  readonly device: number;
  readonly offset: number;
  readonly length: number;
  readonly fileOffset: number;
}

/** A name in a directory; `.` and `..` are left out. */
export interface DirectoryEntry {
  readonly name: string;
  readonly nid: number;
  readonly type: InodeType;
}

/** How overlayfs marks a name that lower layers have and the merged view must not. */
export function isWhiteout(inode: Inode): boolean {
  return inode.type === "char" && inode.devmajor === 0 && inode.devminor === 0;
}

export function inodeType(format: number): InodeType | undefined {
  switch (format) {
    case formatFile:
      return "file";
    case formatDirectory:
      return "directory";
    case formatSymlink:
      return "symlink";
    case formatChar:
      return "char";
    case formatBlock:
      return "block";
    case formatFifo:
      return "fifo";
    case formatSocket:
      return "socket";
  }
  return undefined;
}

export const typeByDirent: readonly (InodeType | undefined)[] = [
  undefined,
  "file",
  "directory",
  "char",
  "block",
  "fifo",
  "socket",
  "symlink",
];
