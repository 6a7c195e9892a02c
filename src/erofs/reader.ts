import { StrakeError } from "../errors/index.ts";
import { decodePath, encodePath } from "../tar/index.ts";
import { readExtents } from "./extents.ts";
import {
  compactInodeSize,
  direntSize,
  extendedInodeSize,
  formatMask,
  layoutChunked,
  layoutInline,
  layoutPlain,
  nameMax,
  slotSize,
} from "./format.ts";
import { type DirectoryEntry, type Extent, type Inode, inodeType, typeByDirent } from "./inode.ts";
import { readSuperblock, type Superblock } from "./superblock.ts";
import { getInt64, getUint64 } from "./wide-integer.ts";
import { readXattrs } from "./xattr-reader.ts";

/** Where an inode's own bytes are; the part of it the outside does not need. */
export interface RawInode {
  readonly inode: Inode;
  readonly layout: number;
  /** `i_u`: start block, device number or chunk format. */
  readonly union: number;
  readonly xattrOffset: number;
  readonly xattrSize: number;
}

/** Linux's PATH_MAX: no honest symlink target is longer. */
const targetMax = 4096;

/**
 * Looks into an index without unpacking it. The bytes may be a mapped file and are not trusted: every offset is
 * checked where it is used, and opening reads nothing but the superblock.
 *
 * Errors of all methods: `EROFS_INVALID`.
 */
export class ErofsReader {
  readonly image: Uint8Array;
  readonly view: DataView;
  readonly superblock: Superblock;

  constructor(image: Uint8Array) {
    this.image = image;
    this.view = new DataView(image.buffer, image.byteOffset, image.byteLength);
    this.superblock = readSuperblock(image, this.view);
  }

  /** Node id of the root directory. */
  get root(): number {
    return this.superblock.rootNid;
  }

  inode(nid: number): Inode {
    return this.raw(nid).inode;
  }

  /** The entry's node id, or undefined when the directory has no such name. Binary search, nothing is allocated per name. */
  lookup(directoryNid: number, name: string): number | undefined {
    const wanted = encodePath(name);
    const directory = this.#directory(directoryNid);
    let low = 0;
    let high = this.#blockCount(directory) - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const block = this.#block(directory, middle);
      if (this.#compare(block, 0, wanted) > 0) high = middle - 1;
      else low = middle + 1;
    }
    return high < 0 ? undefined : this.#lookupIn(this.#block(directory, high), wanted);
  }

  /** The directory's names in byte order, without `.` and `..`. */
  *readdir(directoryNid: number): Generator<DirectoryEntry, void, undefined> {
    const directory = this.#directory(directoryNid);
    const blocks = this.#blockCount(directory);
    for (let i = 0; i < blocks; i++) {
      const block = this.#block(directory, i);
      for (let entry = 0; entry < block.entries; entry++) {
        const { start, end } = this.#nameRange(block, entry);
        const name = decodePath(this.image.subarray(start, end));
        if (name === "." || name === "..") continue;
        if (name === "" || name.includes("/") || name.includes("\0"))
          throw damaged(`directory ${directoryNid} holds an impossible name`);
        const at = block.offset + entry * direntSize;
        const nid = getUint64(this.view, at);
        const type = typeByDirent[this.image[at + 10]!];
        yield { name, nid, type: type ?? this.inode(nid).type };
      }
    }
  }

  readlink(nid: number): string {
    const raw = this.raw(nid);
    const { inode } = raw;
    if (inode.type !== "symlink") throw damaged(`node ${nid} is a ${inode.type}, not a symlink`);
    if (inode.size > targetMax) throw damaged(`node ${nid} has a target of ${inode.size} bytes`);
    const blockSize = 1 << this.superblock.blockBits;
    const whole = raw.layout === layoutInline ? inode.size - (inode.size % blockSize) : inode.size;
    const target = new Uint8Array(inode.size);
    if (whole > 0) target.set(this.#bytes(raw.union * blockSize, whole));
    if (whole < inode.size)
      target.set(this.#bytes(raw.xattrOffset + raw.xattrSize, inode.size - whole), whole);
    return decodePath(target);
  }

  /** Extended attributes by full name, among them overlayfs's mark of opaque directories. */
  xattrs(nid: number): Map<string, Uint8Array> {
    return readXattrs(this, this.raw(nid));
  }

  /** Where a file's bytes are, in file order, touching runs merged. */
  extents(nid: number): Extent[] {
    return readExtents(this, this.raw(nid));
  }

  raw(nid: number): RawInode {
    const { superblock, view } = this;
    const offset = superblock.metaOffset + nid * slotSize;
    this.check(offset, compactInodeSize);
    const format = view.getUint16(offset, true);
    const isExtended = (format & 1) === 1;
    const layout = (format >> 1) & 7;
    const size = isExtended ? extendedInodeSize : compactInodeSize;
    if (format > 0xf || (layout !== layoutPlain && layout !== layoutInline && layout !== layoutChunked))
      throw damaged(`node ${nid} has an unknown layout`);
    this.check(offset, size);
    const mode = view.getUint16(offset + 4, true);
    const type = inodeType(mode & formatMask);
    if (type === undefined) throw damaged(`node ${nid} has an unknown file type`);
    const xattrCount = view.getUint16(offset + 2, true);
    const union = view.getUint32(offset + 0x10, true);
    const isDevice = type === "char" || type === "block";
    const fileSize = isExtended ? getUint64(view, offset + 8) : view.getUint32(offset + 8, true);
    if (fileSize > Number.MAX_SAFE_INTEGER) throw damaged(`node ${nid} has an impossible size`);
    const inode: Inode = {
      nid,
      type,
      mode: mode & 0o7777,
      uid: isExtended ? view.getUint32(offset + 0x18, true) : view.getUint16(offset + 0x18, true),
      gid: isExtended ? view.getUint32(offset + 0x1c, true) : view.getUint16(offset + 0x1a, true),
      size: fileSize,
      mtime: isExtended ? getInt64(view, offset + 0x20) : superblock.epoch,
      mtimeNsec: isExtended ? view.getUint32(offset + 0x28, true) : superblock.epochNsec,
      nlink: isExtended ? view.getUint32(offset + 0x2c, true) : view.getUint16(offset + 6, true),
      devmajor: isDevice ? (union >>> 8) & 0xfff : 0,
      devminor: isDevice ? (union & 0xff) | ((union >>> 12) & 0xfff00) : 0,
    };
    const xattrSize = xattrCount === 0 ? 0 : 12 + (xattrCount - 1) * 4;
    return { inode, layout, union, xattrOffset: offset + size, xattrSize };
  }

  /** Throws unless the image has these bytes. */
  check(offset: number, length: number): void {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.image.length))
      throw damaged(`it points to byte ${offset}, but ends at ${this.image.length}`);
  }

  #bytes(offset: number, length: number): Uint8Array {
    this.check(offset, length);
    return this.image.subarray(offset, offset + length);
  }

  #directory(nid: number): RawInode {
    const raw = this.raw(nid);
    if (raw.inode.type !== "directory") throw damaged(`node ${nid} is a ${raw.inode.type}, not a directory`);
    if (raw.layout === layoutChunked) throw damaged(`directory ${nid} is made of chunks`);
    return raw;
  }

  #blockCount(directory: RawInode): number {
    const count = Math.ceil(directory.inode.size / (1 << this.superblock.blockBits));
    // Blocks cannot be more than the image has, whatever the size field says.
    this.check(0, (count - 1) * 2 ** this.superblock.blockBits);
    return count;
  }

  #block(directory: RawInode, index: number): Block {
    const blockSize = 1 << this.superblock.blockBits;
    const { size } = directory.inode;
    const start = index * blockSize;
    const length = Math.min(blockSize, size - start);
    const isTail = directory.layout === layoutInline && start + blockSize > size;
    const offset = isTail ? directory.xattrOffset + directory.xattrSize : directory.union * blockSize + start;
    this.check(offset, length);
    if (length < direntSize) throw damaged(`directory ${directory.inode.nid} has a block of ${length} bytes`);
    const firstName = this.view.getUint16(offset + 8, true);
    const entries = firstName / direntSize;
    if (entries < 1 || !Number.isInteger(entries) || firstName > length)
      throw damaged(`directory ${directory.inode.nid} has a damaged block`);
    return { nid: directory.inode.nid, offset, length, entries };
  }

  #nameRange(block: Block, entry: number): { start: number; end: number } {
    const at = block.offset + entry * direntSize;
    const start = this.view.getUint16(at + 8, true);
    let end = entry + 1 < block.entries ? this.view.getUint16(at + direntSize + 8, true) : block.length;
    if (start > end || end > block.length) throw damaged(`directory ${block.nid} has a damaged block`);
    if (entry + 1 === block.entries) {
      const nul = this.image.subarray(block.offset + start, block.offset + end).indexOf(0);
      if (nul >= 0) end = start + nul;
    }
    if (end - start > nameMax) throw damaged(`directory ${block.nid} has a name of ${end - start} bytes`);
    return { start: block.offset + start, end: block.offset + end };
  }

  #compare(block: Block, entry: number, wanted: Uint8Array): number {
    const { start, end } = this.#nameRange(block, entry);
    const { image } = this;
    const length = Math.min(end - start, wanted.length);
    for (let i = 0; i < length; i++) {
      const difference = image[start + i]! - wanted[i]!;
      if (difference !== 0) return difference;
    }
    return end - start - wanted.length;
  }

  #lookupIn(block: Block, wanted: Uint8Array): number | undefined {
    let low = 0;
    let high = block.entries - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const order = this.#compare(block, middle, wanted);
      if (order === 0) return getUint64(this.view, block.offset + middle * direntSize);
      if (order > 0) high = middle - 1;
      else low = middle + 1;
    }
    return undefined;
  }
}

interface Block {
  readonly nid: number;
  readonly offset: number;
  readonly length: number;
  readonly entries: number;
}

export function damaged(what: string): StrakeError {
  return new StrakeError("EROFS_INVALID", `the layer index is damaged: ${what}`, {
    hint: "run `strake gc --verify`; the index can be made again from the layer's tar",
  });
}
