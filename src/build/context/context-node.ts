import { constants } from "node:fs";
import type { FileStamp } from "../../store/index.ts";
import type { SourceNode, SourceType } from "../copy/source.ts";
import type { ScanRows } from "./scan-rows.ts";

/** A file of a build context as lstat saw it, looked at through its row. It belongs to root, whoever owns it on the host. */
export class ContextNode implements SourceNode, FileStamp {
  readonly uid = 0;
  readonly gid = 0;
  readonly type: SourceType;
  readonly rows: ScanRows;
  readonly row: number;

  constructor(rows: ScanRows, row: number) {
    this.rows = rows;
    this.row = row;
    this.type = formats[rows.mode(row) & constants.S_IFMT]!;
  }

  get mode(): number {
    return this.rows.mode(this.row) & 0o7777;
  }
  get size(): number {
    return this.type === "file" ? this.rows.size(this.row) : 0;
  }
  get mtime(): number {
    return Math.floor(this.mtimeMs / 1000);
  }
  get mtimeMs(): number {
    return this.rows.mtimeMs(this.row);
  }
  get ctimeMs(): number {
    return this.rows.ctimeMs(this.row);
  }
  get ino(): number {
    return this.rows.ino(this.row);
  }
  get devmajor(): number {
    return isDevice(this.type) ? (this.rows.rdev(this.row) >> 8) & 0xfff : 0;
  }
  get devminor(): number {
    if (!isDevice(this.type)) return 0;
    const rdev = this.rows.rdev(this.row);
    return (rdev & 0xff) | ((rdev >> 12) & 0xfff00);
  }
}

/** False for sockets, which no archive can carry. */
export function isCopyable(mode: number): boolean {
  return formats[mode & constants.S_IFMT] !== undefined;
}

function isDevice(type: SourceType): boolean {
  return type === "char" || type === "block";
}

const formats: Readonly<Record<number, SourceType>> = {
  [constants.S_IFREG]: "file",
  [constants.S_IFDIR]: "directory",
  [constants.S_IFLNK]: "symlink",
  [constants.S_IFCHR]: "char",
  [constants.S_IFBLK]: "block",
  [constants.S_IFIFO]: "fifo",
};
