/** A tar archive is a sequence of blocks of this many bytes (POSIX.1-2017, pax, "ustar Interchange Format"). */
export const blockSize = 512;

/** Bytes of zeros that follow `size` bytes of content up to the next block. */
export function paddingOf(size: number): number {
  const rest = size % blockSize;
  return rest === 0 ? 0 : blockSize - rest;
}

/** Content and its padding: what a reader skips to reach the next header. */
export function paddedSize(size: number): number {
  return size + paddingOf(size);
}

/** The two zero blocks that end an archive. Treat as read-only. */
export const endOfArchive: Uint8Array = new Uint8Array(2 * blockSize);

/** Where the fields of a header block are: [offset, length]. */
export const field = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  linkname: [157, 100],
  uname: [265, 32],
  gname: [297, 32],
  devmajor: [329, 8],
  devminor: [337, 8],
  prefix: [345, 155],
  gnuAtime: [345, 12],
  gnuCtime: [357, 12],
  gnuRealSize: [483, 12],
} as const satisfies Record<string, readonly [number, number]>;

export const typeflagOffset = 156;
export const magicOffset = 257;
/** Old GNU sparse: four extents of 24 bytes in the header, 21 in each extension block. */
export const gnuSparse = {
  headerMap: 386,
  headerCount: 4,
  headerMore: 482,
  blockCount: 21,
  blockMore: 504,
} as const;
