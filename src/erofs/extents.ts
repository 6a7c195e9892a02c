import {
  alignUp,
  chunkBitsMask,
  chunkIndexes,
  chunkIndexSize,
  holeAddress,
  layoutChunked,
  layoutInline,
} from "./format.ts";
import type { Extent } from "./inode.ts";
import { damaged, type ErofsReader, type RawInode } from "./reader.ts";

/** See `ErofsReader.extents`. */
export function readExtents(reader: ErofsReader, raw: RawInode): Extent[] {
  const { inode } = raw;
  if (inode.type !== "file") throw damaged(`node ${inode.nid} is a ${inode.type}, not a file`);
  if (inode.size === 0) return [];
  return raw.layout === layoutChunked ? chunkExtents(reader, raw) : flatExtents(reader, raw);
}

/** Images of other tools keep data inside; ours never do. */
function flatExtents(reader: ErofsReader, raw: RawInode): Extent[] {
  const blockSize = 1 << reader.superblock.blockBits;
  const { size } = raw.inode;
  const whole = raw.layout === layoutInline ? size - (size % blockSize) : size;
  const extents: Extent[] = [];
  if (whole > 0) extents.push({ device: 0, offset: raw.union * blockSize, length: whole, fileOffset: 0 });
  if (whole < size)
    extents.push({
      device: 0,
      offset: raw.xattrOffset + raw.xattrSize,
      length: size - whole,
      fileOffset: whole,
    });
  for (const extent of extents) reader.check(extent.offset, extent.length);
  return extents;
}

function chunkExtents(reader: ErofsReader, raw: RawInode): Extent[] {
  const { view } = reader;
  const format = raw.union & 0xffff;
  if (format & ~(chunkIndexes | chunkBitsMask) || !(format & chunkIndexes))
    throw damaged(`node ${raw.inode.nid} has an unknown chunk format`);
  const blockSize = 1 << reader.superblock.blockBits;
  const chunkSize = blockSize * 2 ** (format & chunkBitsMask);
  const { size } = raw.inode;
  const table = alignUp(raw.xattrOffset + raw.xattrSize, chunkIndexSize);
  const count = Math.ceil(size / chunkSize);
  reader.check(table, count * chunkIndexSize);
  const extents: { device: number; offset: number; length: number; fileOffset: number }[] = [];
  for (let i = 0; i < count; i++) {
    const block = view.getUint32(table + i * chunkIndexSize + 4, true);
    if (block === holeAddress) continue;
    const device = view.getUint16(table + i * chunkIndexSize + 2, true);
    if (device > reader.superblock.devices) throw damaged(`node ${raw.inode.nid} points to device ${device}`);
    const fileOffset = i * chunkSize;
    const offset = block * blockSize;
    const length = Math.min(chunkSize, size - fileOffset);
    if (device === 0) reader.check(offset, length);
    const last = extents.at(-1);
    const touches =
      last &&
      last.device === device &&
      last.offset + last.length === offset &&
      last.fileOffset + last.length === fileOffset;
    if (touches) last.length += length;
    else extents.push({ device, offset, length, fileOffset });
  }
  return extents;
}
