/** Bounds a reader puts on an archive. An archive beyond them fails with `TAR_LIMIT`. */
export interface TarLimits {
  /** Entries in the archive. */
  readonly entries?: number;
  /** Bytes of one PAX or GNU long-name body. Go's archive/tar allows the same 1 MiB. */
  readonly extensionBytes?: number;
  /** Extension headers (PAX local and global, long names) before one entry. */
  readonly extensionsPerEntry?: number;
  /** Bytes of a path or link target; Linux's PATH_MAX without its NUL. */
  readonly pathBytes?: number;
  /** Extents of one sparse file. */
  readonly sparseExtents?: number;
}

export const defaultLimits: Required<TarLimits> = {
  entries: 1 << 20,
  extensionBytes: 1 << 20,
  extensionsPerEntry: 16,
  pathBytes: 4095,
  sparseExtents: 1 << 16,
};
