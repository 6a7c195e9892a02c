import { StrakeError } from "../errors/index.ts";
import { assembleChunk, type ChunkPlan, planFile, planSparse } from "./chunk-plan.ts";
import { crc32c } from "./crc32c.ts";
import { directorySize, writeDirectory } from "./directory-blocks.ts";
import {
  alignUp,
  blockBits,
  blockSize,
  chunkIndexes,
  chunkIndexSize,
  compactInodeSize,
  compatChecksum,
  compatMtime,
  deviceSlotSize,
  direntType,
  extendedInodeSize,
  formatBlock,
  formatChar,
  formatDirectory,
  formatFile,
  formatSymlink,
  holeAddress,
  incompatChunked,
  incompatDevices,
  layoutChunked,
  layoutInline,
  layoutPlain,
  slotSize,
  superField,
  superMagic,
  superOffset,
  superSize,
} from "./format.ts";
import type { InodeTable } from "./inode-table.ts";
import { type NameTable, parentName, selfName } from "./name-table.ts";
import type { XattrTable } from "./xattr-table.ts";

export interface FinishOptions {
  /** Size of the tar in bytes; entries whose content would lie behind it are refused. Default: where the last one ends. */
  readonly tarSize?: number;
  /** 16 bytes that tell this image from others (overlayfs looks at them), for example of the diffID. Default: zeros. */
  readonly uuid?: Uint8Array;
  /**
   * Reads from the tar. Wanted only for sparse files whose extents are not aligned to blocks: those stretches are
   * copied into the index. Without it such files are refused with `EROFS_LIMIT`.
   */
  readonly read?: (offset: number, length: number) => Uint8Array;
}

/** The index of a layer: what `layer.erofs` holds. */
export interface LayerIndex {
  readonly image: Uint8Array;
  /** Inodes written; names can be more (hardlinks). */
  readonly inodes: number;
}

/** Inodes start behind superblock and device table; node ids count from the image's first byte. */
const deviceTable = superOffset + superSize;
const inodesStart = superOffset + blockSize;
/** One allocation holds the image; past this size a layer has tens of millions of entries. */
const imageLimit = 2 ** 32 - 2 ** 20;

/** Different times counted to find the most frequent one; where there are more, none is worth much. */
const epochCandidates = 4096;
const root = 0;

/** Writes the inodes that names lead to from row 0, the root. Equal input gives equal bytes. */
export function writeImage(tables: Tables, options: FinishOptions): LayerIndex {
  return new ImageWriter(tables, options).write();
}

/** What a layer's entries came to. */
export interface Tables {
  readonly inodes: InodeTable;
  readonly names: NameTable;
  readonly xattrs: XattrTable;
}

class ImageWriter {
  readonly #inodes: InodeTable;
  readonly #xattrs: XattrTable;
  readonly #options: FinishOptions;
  readonly #names: NameTable;
  /** Reachable inodes in the order they are stored: a directory's children lie together, sorted by name. */
  readonly #order: Uint32Array;
  #count = 0;
  readonly #nlink: Uint32Array;
  /** Where an inode is, in slots: its node id. */
  readonly #nid: Uint32Array;
  readonly #layout: Uint8Array;
  readonly #isize: Uint8Array;
  /** First block of a directory's or symlink's own blocks, relative to where those begin. */
  readonly #startBlock: Uint32Array;
  /** Ids of each directory's names, sorted, one directory behind the other; where a directory's begin and end. */
  readonly #sorted: Uint32Array;
  readonly #sortedStart: Uint32Array;
  readonly #sortedEnd: Uint32Array;
  readonly #plans = new Map<number, ChunkPlan>();
  #sortedCount = 0;
  #epoch = 0;
  #epochNsec = 0;

  constructor({ inodes, names, xattrs }: Tables, options: FinishOptions) {
    const rows = inodes.count;
    this.#inodes = inodes;
    this.#names = names;
    this.#xattrs = xattrs;
    this.#options = options;
    this.#order = new Uint32Array(rows);
    this.#nlink = new Uint32Array(rows);
    this.#nid = new Uint32Array(rows);
    this.#layout = new Uint8Array(rows);
    this.#isize = new Uint8Array(rows);
    this.#startBlock = new Uint32Array(rows);
    this.#sorted = new Uint32Array(names.count + 2 * rows);
    this.#sortedStart = new Uint32Array(rows);
    this.#sortedEnd = new Uint32Array(rows);
  }

  write(): LayerIndex {
    this.#collect();
    this.#chooseEpoch();
    const sharedSize = this.#xattrs.layout();
    const { inodesEnd, blocks, copied } = this.#place();
    const blocksStart = alignUp(inodesEnd, blockSize);
    const sharedStart = blocksStart + blocks * blockSize;
    const copiedStart = alignUp(sharedStart + sharedSize, blockSize);
    const size = copiedStart + copied;
    if (size > imageLimit)
      throw new StrakeError("EROFS_LIMIT", "the layer has so many entries that its index would exceed 4 GiB");
    const image = new Uint8Array(size);
    const view = new DataView(image.buffer);
    this.#writeInodes(image, view, blocksStart, copiedStart);
    this.#xattrs.writeShared(image, view, sharedStart);
    this.#writeSuper(image, view, sharedStart / blockSize);
    return { image, inodes: this.#count };
  }

  /** Walks the names from the root: which inodes are in use, how many names each has, in which order they go. */
  #collect(): void {
    const inodes = this.#inodes;
    const names = this.#names;
    const nlink = this.#nlink;
    this.#take(root);
    nlink[root] = 2;
    // The order is the queue, not recursion: a hostile layer nests as deep as it may.
    for (let next = 0; next < this.#count; next++) {
      const directory = this.#order[next]!;
      if (!inodes.isDirectory(directory)) continue;
      for (const id of this.#sortNames(directory)) {
        if (id <= parentName) continue;
        const child = names.inodeOf(id);
        if (nlink[child] === 0) this.#take(child);
        if (inodes.isDirectory(child)) {
          nlink[child] = 2;
          nlink[directory]!++;
        } else nlink[child]!++;
      }
    }
  }

  #sortNames(directory: number): Uint32Array {
    const names = this.#names;
    const sorted = this.#sorted;
    // Nothing of lower layers shows in an opaque directory, so whiteouts in it hide nothing; the kernel would list them,
    // since it looks for whiteouts only where it merges.
    const hidesLower = this.#inodes.opaque[directory] === 1;
    const start = this.#sortedCount;
    let end = start;
    sorted[end++] = selfName;
    sorted[end++] = parentName;
    names.each(directory, (id) => {
      if (!hidesLower || !this.#isWhiteout(names.inodeOf(id))) sorted[end++] = id;
    });
    this.#sortedCount = end;
    this.#sortedStart[directory] = start;
    this.#sortedEnd[directory] = end;
    const ids = sorted.subarray(start, end);
    names.sort(ids);
    return ids;
  }

  #sortedNames(directory: number): Uint32Array {
    return this.#sorted.subarray(this.#sortedStart[directory], this.#sortedEnd[directory]);
  }

  #isWhiteout(inode: number): boolean {
    return this.#inodes.format(inode) === formatChar && this.#inodes.data[inode] === 0;
  }

  #take(inode: number): void {
    const inodes = this.#inodes;
    this.#order[this.#count++] = inode;
    if (inodes.opaque[inode] === 1) inodes.xattrs[inode] = this.#xattrs.withOpaque(inodes.xattrs[inode]!);
    this.#xattrs.use(inodes.xattrs[inode]!);
  }

  /** Compact inodes have no time of their own but the image's: the most frequent one makes most of them fit. */
  #chooseEpoch(): void {
    const inodes = this.#inodes;
    const counts = new Map<number, number>();
    let best = 0;
    for (const inode of this.#order.subarray(0, this.#count)) {
      const key = inodes.mtime[inode]! + inodes.mtimeNsec[inode]! / 1e9;
      const known = counts.get(key);
      if (known === undefined && counts.size >= epochCandidates) continue;
      const count = (known ?? 0) + 1;
      counts.set(key, count);
      if (count <= best) continue;
      best = count;
      this.#epoch = inodes.mtime[inode]!;
      this.#epochNsec = inodes.mtimeNsec[inode]!;
    }
  }

  #isCompact(inode: number): boolean {
    const inodes = this.#inodes;
    return (
      inodes.mtime[inode] === this.#epoch &&
      inodes.mtimeNsec[inode] === this.#epochNsec &&
      inodes.uid[inode]! <= 0xffff &&
      inodes.gid[inode]! <= 0xffff &&
      this.#nlink[inode]! <= 0xffff &&
      inodes.size[inode]! <= 0xffffffff
    );
  }

  #place(): { inodesEnd: number; blocks: number; copied: number } {
    const inodes = this.#inodes;
    let cursor = inodesStart;
    let blocks = 0;
    let copied = 0;
    for (const inode of this.#order.subarray(0, this.#count)) {
      const isize = this.#isCompact(inode) ? compactInodeSize : extendedInodeSize;
      const head = isize + this.#xattrs.sizeOf(inodes.xattrs[inode]!);
      this.#isize[inode] = isize;
      cursor = alignUp(cursor, slotSize);
      const content = this.#contentSize(inode);
      if (content >= 0) {
        const tail = content % blockSize;
        const isInline = tail > 0 && head + tail <= blockSize;
        // The kernel wants an inline tail within one block.
        if (isInline && (cursor % blockSize) + head + tail > blockSize) cursor = alignUp(cursor, blockSize);
        this.#layout[inode] = isInline ? layoutInline : layoutPlain;
        this.#nid[inode] = cursor / slotSize;
        this.#startBlock[inode] = blocks;
        blocks += isInline ? Math.floor(content / blockSize) : Math.ceil(content / blockSize);
        cursor += isInline ? head + tail : head;
        continue;
      }
      this.#nid[inode] = cursor / slotSize;
      cursor += head;
      if (inodes.format(inode) !== formatFile || inodes.size[inode] === 0) continue;
      const plan = this.#plan(inode);
      this.#layout[inode] = layoutChunked;
      cursor = alignUp(cursor, chunkIndexSize) + plan.count * chunkIndexSize;
      copied += plan.copied;
      if (cursor + copied > imageLimit)
        throw new StrakeError("EROFS_LIMIT", "the layer's index would exceed 4 GiB");
    }
    return { inodesEnd: cursor, blocks, copied };
  }

  /** Bytes of content that the image itself holds: directories and symlinks; -1 for anything else. */
  #contentSize(inode: number): number {
    const inodes = this.#inodes;
    const format = inodes.format(inode);
    if (format === formatDirectory) inodes.size[inode] = directorySize(this.#names, this.#sortedNames(inode));
    return format === formatDirectory || format === formatSymlink ? inodes.size[inode]! : -1;
  }

  #plan(inode: number): ChunkPlan {
    const inodes = this.#inodes;
    const size = inodes.size[inode]!;
    const data = inodes.data[inode]! * blockSize;
    const extents = inodes.sparse.get(inode);
    const { tarSize } = this.#options;
    if (tarSize !== undefined && data + storedSize(inodes, inode) > tarSize)
      throw new StrakeError("TAR_TRUNCATED", "the tar ends before the content of one of its entries");
    if (!extents) return planFile(size);
    const plan = planSparse(size, data, extents, "");
    if (plan.copied > 0 && !this.#options.read)
      throw new StrakeError(
        "EROFS_LIMIT",
        "a sparse file of the layer is not aligned to blocks of 512 bytes",
      );
    this.#plans.set(inode, plan);
    return plan;
  }

  #writeInodes(image: Uint8Array, view: DataView, blocksStart: number, copiedStart: number): void {
    const inodes = this.#inodes;
    let copied = copiedStart;
    for (let i = 0; i < this.#count; i++) {
      const inode = this.#order[i]!;
      this.#writeHead(inode, i + 1, image, view);
      const offset = this.#nid[inode]! * slotSize;
      const set = inodes.xattrs[inode]!;
      const xattrOffset = offset + this.#isize[inode]!;
      if (set !== 0) this.#xattrs.write(set, image, view, xattrOffset);
      const bodyOffset = xattrOffset + this.#xattrs.sizeOf(set);
      const format = inodes.format(inode);
      if (format === formatDirectory || format === formatSymlink) {
        const start = blocksStart / blockSize + this.#startBlock[inode]!;
        view.setUint32(offset + 0x10, start, true);
        this.#writeContent(inode, image, view, start * blockSize, bodyOffset);
      } else if (this.#layout[inode] === layoutChunked) {
        copied = this.#writeChunks(inode, image, view, alignUp(bodyOffset, chunkIndexSize), copied);
      } else if (format === formatChar || format === formatBlock)
        view.setUint32(offset + 0x10, inodes.data[inode]!, true);
    }
  }

  #writeHead(inode: number, number: number, image: Uint8Array, view: DataView): void {
    const inodes = this.#inodes;
    const offset = this.#nid[inode]! * slotSize;
    const isExtended = this.#isize[inode] === extendedInodeSize;
    const xattrSize = this.#xattrs.sizeOf(inodes.xattrs[inode]!);
    image[offset] = (this.#layout[inode]! << 1) | (isExtended ? 1 : 0);
    view.setUint16(offset + 2, xattrSize === 0 ? 0 : (xattrSize - 12) / 4 + 1, true);
    view.setUint16(offset + 4, inodes.mode[inode]!, true);
    view.setUint32(offset + 0x14, number, true);
    const size = inodes.size[inode]!;
    if (!isExtended) {
      view.setUint16(offset + 6, this.#nlink[inode]!, true);
      view.setUint32(offset + 8, size, true);
      view.setUint16(offset + 0x18, inodes.uid[inode]!, true);
      view.setUint16(offset + 0x1a, inodes.gid[inode]!, true);
      return;
    }
    setUint64(view, offset + 8, size);
    view.setUint32(offset + 0x18, inodes.uid[inode]!, true);
    view.setUint32(offset + 0x1c, inodes.gid[inode]!, true);
    setInt64(view, offset + 0x20, inodes.mtime[inode]!);
    view.setUint32(offset + 0x28, inodes.mtimeNsec[inode]!, true);
    view.setUint32(offset + 0x2c, this.#nlink[inode]!, true);
  }

  #writeContent(inode: number, image: Uint8Array, view: DataView, offset: number, bodyOffset: number): void {
    const inodes = this.#inodes;
    const size = inodes.size[inode]!;
    const isInline = this.#layout[inode] === layoutInline;
    const whole = isInline ? size - (size % blockSize) : size;
    if (inodes.isSymlink(inode)) {
      const target = inodes.targetBytes(inode);
      image.set(target.subarray(0, whole), offset);
      image.set(target.subarray(whole), bodyOffset);
      return;
    }
    const names = this.#names;
    const tailOffset = isInline ? bodyOffset : offset + Math.floor((size - 1) / blockSize) * blockSize;
    const leadsTo = (id: number) =>
      id === selfName ? inode : id === parentName ? inodes.parent[inode]! : names.inodeOf(id);
    writeDirectory(
      names,
      this.#sortedNames(inode),
      { image, view, offset, tailOffset, size },
      (id) => this.#nid[leadsTo(id)]!,
      (id) => direntType[inodes.mode[leadsTo(id)]! >> 12]!,
    );
  }

  /** Writes the chunk indexes; returns where the next copied chunk goes. */
  #writeChunks(
    inode: number,
    image: Uint8Array,
    view: DataView,
    offset: number,
    copiedOffset: number,
  ): number {
    const inodes = this.#inodes;
    const size = inodes.size[inode]!;
    const data = inodes.data[inode]! * blockSize;
    const plan = this.#plans.get(inode) ?? planFile(size);
    view.setUint16(this.#nid[inode]! * slotSize + 0x10, (plan.bits - blockBits) | chunkIndexes, true);
    const chunkSize = 2 ** plan.bits;
    if (!plan.chunks) {
      for (let i = 0; i < plan.count; i++) {
        view.setUint16(offset + i * chunkIndexSize + 2, 1, true);
        view.setUint32(offset + i * chunkIndexSize + 4, (data + i * chunkSize) / blockSize, true);
      }
      return copiedOffset;
    }
    for (let i = 0; i < plan.count; i++) view.setUint32(offset + i * chunkIndexSize + 4, holeAddress, true);
    const extents = inodes.sparse.get(inode)!;
    let next = copiedOffset;
    for (const chunk of plan.chunks) {
      const at = offset + chunk.number * chunkIndexSize;
      if (chunk.tarOffset !== undefined) {
        view.setUint16(at + 2, 1, true);
        view.setUint32(at + 4, chunk.tarOffset / blockSize, true);
        continue;
      }
      const start = chunk.number * chunkSize;
      const length = Math.min(chunkSize, size - start);
      view.setUint32(at + 4, next / blockSize, true);
      assembleChunk(
        { dataOffset: data, extents },
        start,
        image.subarray(next, next + length),
        this.#options.read!,
      );
      next += alignUp(length, blockSize);
    }
    return next;
  }

  #writeSuper(image: Uint8Array, view: DataView, xattrBlock: number): void {
    const at = superOffset;
    view.setUint32(at + superField.magic, superMagic, true);
    view.setUint32(at + superField.featureCompat, compatChecksum | compatMtime, true);
    image[at + superField.blockBits] = blockBits;
    view.setUint16(at + superField.rootNid, this.#nid[root]!, true);
    setUint64(view, at + superField.inodes, this.#count);
    setInt64(view, at + superField.epoch, this.#epoch);
    view.setUint32(at + superField.epochNsec, this.#epochNsec, true);
    view.setUint32(at + superField.blocks, image.length / blockSize, true);
    view.setUint32(at + superField.xattrBlock, xattrBlock, true);
    if (this.#options.uuid) image.set(this.#options.uuid.subarray(0, 16), at + superField.uuid);
    view.setUint32(at + superField.featureIncompat, incompatChunked | incompatDevices, true);
    view.setUint16(at + superField.extraDevices, 1, true);
    view.setUint16(at + superField.deviceSlot, deviceTable / deviceSlotSize, true);
    view.setUint32(deviceTable + 64, Math.min(this.#tarBlocks(), 0xffffffff), true);
    // The sum covers the superblock's whole block, with the field itself as zero.
    view.setUint32(at + superField.checksum, crc32c(image.subarray(at, at + blockSize)), true);
  }

  #tarBlocks(): number {
    if (this.#options.tarSize !== undefined) return Math.ceil(this.#options.tarSize / blockSize);
    const inodes = this.#inodes;
    let end = 0;
    for (const inode of this.#order.subarray(0, this.#count))
      if (this.#layout[inode] === layoutChunked)
        end = Math.max(end, inodes.data[inode]! * blockSize + storedSize(inodes, inode));
    return Math.ceil(end / blockSize);
  }
}

function storedSize(inodes: InodeTable, inode: number): number {
  const extents = inodes.sparse.get(inode);
  if (!extents) return inodes.size[inode]!;
  return extents.reduce((sum, extent) => sum + extent.length, 0);
}

function setUint64(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value % 2 ** 32, true);
  view.setUint32(offset + 4, Math.floor(value / 2 ** 32), true);
}

function setInt64(view: DataView, offset: number, value: number): void {
  if (value >= 0) setUint64(view, offset, value);
  else view.setBigInt64(offset, BigInt(value), true);
}
