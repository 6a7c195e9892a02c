import { StrakeError } from "../errors/index.ts";
import { quote } from "../tar/index.ts";
import { fileChunkBits, planSparse, type SparseFile, type SparsePlan } from "./chunk-plan.ts";
import { writeRun, writeSparse } from "./chunk-writer.ts";
import { directorySize, writeDirectory } from "./directory-blocks.ts";
import {
  alignUp,
  blockBits,
  blockSize,
  chunkIndexes,
  chunkIndexSize,
  compactInodeSize,
  direntType,
  extendedInodeSize,
  formatBlock,
  formatChar,
  formatDirectory,
  formatFile,
  formatSymlink,
  layoutChunked,
  layoutInline,
  layoutPlain,
  slotSize,
  superOffset,
} from "./format.ts";
import { InodeOrder, root, type Tables } from "./inode-order.ts";
import type { InodeTable } from "./inode-table.ts";
import { type NameTable, parentName, selfName } from "./name-table.ts";
import { writeSuperblock } from "./superblock-writer.ts";
import { setInt64, setUint64 } from "./wide-integer.ts";
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

/** Inodes start behind the block of superblock and device table; node ids count from the image's first byte. */
const inodesStart = superOffset + blockSize;
/** One allocation holds the image; past this size a layer has tens of millions of entries. */
const imageLimit = 2 ** 32 - 2 ** 20;

/** What the sparse files of a layer may cost together: a small archive could ask for gigabytes otherwise. */
const sparseLimit = 64 * 1024 * 1024;

/** Writes the inodes that names lead to from row 0, the root. Equal input gives equal bytes. */
export function writeImage(tables: Tables, options: FinishOptions): LayerIndex {
  return new ImageWriter(tables, options).write();
}

class ImageWriter {
  readonly #inodes: InodeTable;
  readonly #xattrs: XattrTable;
  readonly #options: FinishOptions;
  readonly #names: NameTable;
  readonly #order: InodeOrder;
  /** Where an inode is, in slots: its node id. */
  readonly #nid: Uint32Array;
  readonly #layout: Uint8Array;
  readonly #isize: Uint8Array;
  /** First block of a directory's or symlink's own blocks, relative to where those begin. */
  readonly #startBlock: Uint32Array;
  readonly #plans = new Map<number, SparsePlan>();
  #sparseCost = 0;

  constructor(tables: Tables, options: FinishOptions) {
    const rows = tables.inodes.count;
    this.#inodes = tables.inodes;
    this.#names = tables.names;
    this.#xattrs = tables.xattrs;
    this.#options = options;
    this.#order = new InodeOrder(tables);
    this.#nid = new Uint32Array(rows);
    this.#layout = new Uint8Array(rows);
    this.#isize = new Uint8Array(rows);
    this.#startBlock = new Uint32Array(rows);
  }

  write(): LayerIndex {
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
    writeSuperblock(image, {
      rootNid: this.#nid[root]!,
      inodes: this.#order.count,
      epoch: this.#order.epoch,
      epochNsec: this.#order.epochNsec,
      xattrBlock: sharedStart / blockSize,
      tarBlocks: this.#tarBlocks(),
      uuid: this.#options.uuid,
    });
    return { image, inodes: this.#order.count };
  }

  #isCompact(inode: number): boolean {
    const inodes = this.#inodes;
    return (
      inodes.mtime[inode] === this.#order.epoch &&
      inodes.mtimeNsec[inode] === this.#order.epochNsec &&
      inodes.uid[inode]! <= 0xffff &&
      inodes.gid[inode]! <= 0xffff &&
      this.#order.nlink[inode]! <= 0xffff &&
      inodes.size[inode]! <= 0xffffffff
    );
  }

  #place(): { inodesEnd: number; blocks: number; copied: number } {
    const inodes = this.#inodes;
    let cursor = inodesStart;
    let blocks = 0;
    let copied = 0;
    const order = this.#order.inodes;
    for (let i = 0; i < order.length; i++) {
      const inode = order[i]!;
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
      this.#layout[inode] = layoutChunked;
      const plan = this.#planSparse(inode);
      const size = inodes.size[inode]!;
      const count = plan?.count ?? Math.ceil(size / 2 ** fileChunkBits(size));
      cursor = alignUp(cursor, chunkIndexSize) + count * chunkIndexSize;
      copied += plan?.copied ?? 0;
      if (cursor + copied > imageLimit)
        throw new StrakeError("EROFS_LIMIT", "the layer's index would exceed 4 GiB");
    }
    return { inodesEnd: cursor, blocks, copied };
  }

  /** Bytes of content that the image itself holds: directories and symlinks; -1 for anything else. */
  #contentSize(inode: number): number {
    const inodes = this.#inodes;
    const format = inodes.format(inode);
    if (format === formatDirectory)
      inodes.size[inode] = directorySize(this.#names, this.#order.sortedNames(inode));
    return format === formatDirectory || format === formatSymlink ? inodes.size[inode]! : -1;
  }

  #planSparse(inode: number): SparsePlan | undefined {
    const { tarSize, read } = this.#options;
    if (tarSize !== undefined && this.#dataEnd(inode) > tarSize)
      throw new StrakeError("TAR_TRUNCATED", "the tar ends before the content of one of its entries");
    const file = this.#sparseFile(inode);
    if (!file) return undefined;
    const plan = planSparse(file);
    this.#sparseCost += plan.count * chunkIndexSize + plan.copied;
    if (this.#sparseCost > sparseLimit)
      throw new StrakeError(
        "EROFS_LIMIT",
        "the layer's sparse files would take more than 64 MiB of its index",
      );
    if (plan.copied > 0 && !read)
      throw new StrakeError(
        "EROFS_LIMIT",
        `the sparse file ${quote(file.path)} is not aligned to blocks of 512 bytes`,
      );
    this.#plans.set(inode, plan);
    return plan;
  }

  #sparseFile(inode: number): SparseFile | undefined {
    const inodes = this.#inodes;
    const sparse = inodes.sparse.get(inode);
    return sparse && { size: inodes.size[inode]!, dataOffset: inodes.data[inode]! * blockSize, ...sparse };
  }

  /** Where a file's content ends in the tar. */
  #dataEnd(inode: number): number {
    const inodes = this.#inodes;
    const extents = inodes.sparse.get(inode)?.extents;
    let length = extents ? 0 : inodes.size[inode]!;
    for (const extent of extents ?? []) length += extent.length;
    return inodes.data[inode]! * blockSize + length;
  }

  #writeInodes(image: Uint8Array, view: DataView, blocksStart: number, copiedStart: number): void {
    const inodes = this.#inodes;
    let copied = copiedStart;
    const order = this.#order.inodes;
    for (let i = 0; i < order.length; i++) {
      const inode = order[i]!;
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
      view.setUint16(offset + 6, this.#order.nlink[inode]!, true);
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
    view.setUint32(offset + 0x2c, this.#order.nlink[inode]!, true);
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
      this.#order.sortedNames(inode),
      { image, view, offset, tailOffset, size },
      (id) => this.#nid[leadsTo(id)]!,
      (id) => direntType[inodes.mode[leadsTo(id)]! >> 12]!,
    );
  }

  /** Writes the chunk indexes; returns where the next copied chunk goes. */
  #writeChunks(inode: number, image: Uint8Array, view: DataView, offset: number, copied: number): number {
    const size = this.#inodes.size[inode]!;
    const file = this.#sparseFile(inode);
    const bits = this.#plans.get(inode)?.bits ?? fileChunkBits(size);
    view.setUint16(this.#nid[inode]! * slotSize + 0x10, (bits - blockBits) | chunkIndexes, true);
    if (file) return writeSparse(file, bits, { image, view, offset, copied }, this.#options.read);
    writeRun(view, offset, { size, bits, block: this.#inodes.data[inode]! });
    return copied;
  }

  #tarBlocks(): number {
    if (this.#options.tarSize !== undefined) return Math.ceil(this.#options.tarSize / blockSize);
    let end = 0;
    const order = this.#order.inodes;
    for (let i = 0; i < order.length; i++) {
      const inode = order[i]!;
      if (this.#layout[inode] === layoutChunked) end = Math.max(end, this.#dataEnd(inode));
    }
    return Math.ceil(end / blockSize);
  }
}
