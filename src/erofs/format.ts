/**
 * The on-disk format's numbers, as the kernel documents them (Documentation/filesystems/erofs.rst and the layout
 * tables at erofs.docs.kernel.org). All integers are little-endian.
 */

export const superOffset = 1024;
export const superMagic = 0xe0f5e1e2;
export const superSize = 128;

/** 512-byte blocks: tar content starts at any multiple of 512, so only this size can point at it. */
export const blockBits = 9;
export const blockSize = 1 << blockBits;

/** Inodes start at multiples of 32 bytes; a node id (nid) is that multiple, counted from the metadata area. */
export const slotSize = 32;

/** `feature_compat`: the superblock carries a crc32c; inode times are modification times. */
export const compatChecksum = 0x1;
export const compatMtime = 0x2;

/** `feature_incompat`: inodes made of chunks; a table of further devices. */
export const incompatChunked = 0x4;
export const incompatDevices = 0x8;

export const deviceSlotSize = 128;

/** Superblock field offsets, from the superblock's first byte. */
export const superField = {
  magic: 0x00,
  checksum: 0x04,
  featureCompat: 0x08,
  blockBits: 0x0c,
  extensionSlots: 0x0d,
  rootNid: 0x0e,
  inodes: 0x10,
  epoch: 0x18,
  epochNsec: 0x20,
  blocks: 0x24,
  metaBlock: 0x28,
  xattrBlock: 0x2c,
  uuid: 0x30,
  featureIncompat: 0x50,
  extraDevices: 0x56,
  deviceSlot: 0x58,
  directoryBlockBits: 0x5a,
} as const;

/** Data layouts (bits 1 to 3 of `i_format`). */
export const layoutPlain = 0;
export const layoutInline = 2;
export const layoutChunked = 4;

export const compactInodeSize = 32;
export const extendedInodeSize = 64;

/** Chunk format: low five bits are log2(chunk size / block size); this bit says 8-byte indexes with a device id. */
export const chunkIndexes = 0x20;
export const chunkBitsMask = 0x1f;
export const chunkIndexSize = 8;
/** Block address of a chunk that reads as zeros. */
export const holeAddress = 0xffffffff;

export const direntSize = 12;
export const nameMax = 255;

export const xattrHeaderSize = 12;
export const xattrEntrySize = 4;

/** File type bits of a mode (POSIX S_IFMT and its values). */
export const formatMask = 0o170000;
export const formatFifo = 0o010000;
export const formatChar = 0o020000;
export const formatDirectory = 0o040000;
export const formatBlock = 0o060000;
export const formatFile = 0o100000;
export const formatSymlink = 0o120000;
export const formatSocket = 0o140000;

/** Directory entry types by mode bits: `direntType[mode >> 12]`. */
export const direntType: readonly number[] = (() => {
  const types = new Array<number>(16).fill(0);
  types[formatFile >> 12] = 1;
  types[formatDirectory >> 12] = 2;
  types[formatChar >> 12] = 3;
  types[formatBlock >> 12] = 4;
  types[formatFifo >> 12] = 5;
  types[formatSocket >> 12] = 6;
  types[formatSymlink >> 12] = 7;
  return types;
})();

export function alignUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}
