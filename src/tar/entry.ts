/** Kinds of entry a layer can hold. Anything else in an archive is refused or skipped by the reader. */
export type EntryType = "file" | "directory" | "symlink" | "hardlink" | "char" | "block" | "fifo";

/**
 * What a tar header says, independent of the dialect (ustar, PAX, GNU) that said it.
 * `path` and `linkname` are exactly as stored (not cleaned, not checked for `..`): bytes that are not UTF-8 are kept as
 * lone surrogates (see path.ts), so nothing is lost in a round trip.
 */
export interface EntryHeader {
  readonly type: EntryType;
  readonly path: string;
  /** Permission bits with setuid, setgid and sticky: 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of content as a reader of the file sees them (sparse files expanded). 0 for anything but files. */
  readonly size: number;
  /** Modification time: whole seconds since the epoch, may be negative, and nanoseconds 0 to 999,999,999. */
  readonly mtime: number;
  readonly mtimeNsec: number;
  /** Target of a symlink or hardlink, else "". */
  readonly linkname: string;
  readonly uname: string;
  readonly gname: string;
  readonly devmajor: number;
  readonly devminor: number;
  /** Extended attributes by full name (`security.capability`), from PAX `SCHILY.xattr.*`. */
  readonly xattrs?: ReadonlyMap<string, Uint8Array>;
}

/** A stretch of real data in a sparse file; everything between stretches reads as zeros. */
export interface SparseExtent {
  /** Offset in the expanded file. */
  readonly offset: number;
  readonly length: number;
}

/** An entry found in an archive, with where its bytes are. Offsets count from the archive's first byte. */
export interface Entry extends EntryHeader {
  /** First byte of the entry's first header block (PAX or GNU long-name headers included). */
  readonly headerOffset: number;
  /** First byte of stored content; always a multiple of 512. */
  readonly dataOffset: number;
  /** Bytes of content in the archive; differs from `size` only for sparse files. */
  readonly storedSize: number;
  /** For sparse files: where the stored bytes go. Stored bytes are the extents' bytes back to back. */
  readonly sparse?: readonly SparseExtent[];
}
