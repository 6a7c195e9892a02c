import { StrakeError } from "../errors/index.ts";
import { quote } from "../tar/index.ts";
import { fileChunkBits, planSparse, type SparseFile, type SparsePlan } from "./chunk-plan.ts";
import { writeCopied, writeRun, writeSparse } from "./chunk-writer.ts";
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
import { ImageOutput } from "./image-output.ts";
import { InodeOrder, root, type Tables } from "./inode-order.ts";
import type { InodeTable } from "./inode-table.ts";
import { type NameTable, parentName, selfName } from "./name-table.ts";
import { writeSuperblock } from "./superblock-writer.ts";
import { column, Pace } from "./table-memory.ts";
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

/** What an index came to. */
export interface IndexSize {
  /** Bytes. */
  readonly size: number;
  /** Inodes written; names can be more (hardlinks). */
  readonly inodes: number;
}

/** The index of a layer: what `layer.erofs` holds. */
export interface LayerIndex extends IndexSize {
  readonly image: Uint8Array;
}

/** Inodes start behind the block of superblock and device table; node ids count from the image's first byte. */
const inodesStart = superOffset + blockSize;
/** Blocks are counted in 32 bits and places in doubles; past this size a layer has tens of millions of entries. */
const imageLimit = 2 ** 32 - 2 ** 20;

/** What the sparse files of a layer may cost together: a small archive could ask for gigabytes otherwise. */
const sparseLimit = 64 * 1024 * 1024;

/**
 * Writes the inodes that names lead to from row 0, the root, from the image's first byte to its last. `write` may not keep
 * the bytes it is given. Equal input gives equal bytes.
 */
export function writeImage(
  tables: Tables,
  options: FinishOptions,
  write: (bytes: Uint8Array) => void,
): IndexSize {
  return new ImageWriter(tables, options, write).write();
}

class ImageWriter {
  readonly #inodes: InodeTable;
  readonly #xattrs: XattrTable;
  readonly #options: FinishOptions;
  readonly #output: ImageOutput;
  readonly #pace: Pace;
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

  constructor(tables: Tables, options: FinishOptions, write: (bytes: Uint8Array) => void) {
    const { memory } = tables;
    const rows = tables.inodes.count;
    this.#pace = new Pace(memory);
    this.#inodes = tables.inodes;
    this.#names = tables.names;
    this.#xattrs = tables.xattrs;
    this.#options = options;
    this.#output = new ImageOutput(write);
    this.#order = new InodeOrder(tables);
    this.#nid = column(memory, Uint32Array, rows);
    this.#layout = column(memory, Uint8Array, rows);
    this.#isize = column(memory, Uint8Array, rows);
    this.#startBlock = column(memory, Uint32Array, rows);
  }

  write(): IndexSize {
    const sharedSize = this.#xattrs.layout();
    const { inodesEnd, blocks, copied } = this.#place();
    const blocksStart = alignUp(inodesEnd, blockSize);
    const sharedStart = blocksStart + blocks * blockSize;
    const copiedStart = alignUp(sharedStart + sharedSize, blockSize);
    const size = copiedStart + copied;
    if (size > imageLimit)
      throw new StrakeError("EROFS_LIMIT", "the layer has so many entries that its index would exceed 4 GiB");
    const output = this.#output;
    const superblock = output.reserve(superOffset, blockSize);
    writeSuperblock(output.bytes.subarray(superblock, superblock + blockSize), {
      rootNid: this.#nid[root]!,
      inodes: this.#order.count,
      epoch: this.#order.epoch,
      epochNsec: this.#order.epochNsec,
      blocks: size / blockSize,
      xattrBlock: sharedStart / blockSize,
      tarBlocks: this.#tarBlocks(),
      uuid: this.#options.uuid,
    });
    this.#writeInodes(blocksStart, copiedStart);
    this.#writeBlocks(blocksStart);
    this.#xattrs.writeShared(output, sharedStart);
    this.#writeCopied(copiedStart);
    output.finish(size);
    return { size, inodes: this.#order.count };
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
      this.#pace.step();
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
    if (format === formatDirectory) {
      this.#pace.jump();
      inodes.size[inode] = directorySize(this.#names, this.#order.sortedNames(inode), this.#pace);
    }
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
    if (!extents) return inodes.data[inode]! * blockSize + inodes.size[inode]!;
    let length = 0;
    for (const extent of extents) length += extent.length;
    return inodes.data[inode]! * blockSize + length;
  }

  #writeInodes(blocksStart: number, copiedStart: number): void {
    const inodes = this.#inodes;
    const output = this.#output;
    let copied = copiedStart;
    const order = this.#order.inodes;
    for (let i = 0; i < order.length; i++) {
      const inode = order[i]!;
      this.#pace.step();
      const size = inodes.size[inode]!;
      const set = inodes.xattrs[inode]!;
      const head = this.#isize[inode]! + this.#xattrs.sizeOf(set);
      const format = inodes.format(inode);
      const offset = this.#nid[inode]! * slotSize;
      const layout = this.#layout[inode]!;
      const bits = layout === layoutChunked ? (this.#plans.get(inode)?.bits ?? fileChunkBits(size)) : 0;
      // Where in the image chunk indexes stand, or a tail.
      const body = layout === layoutChunked ? alignUp(offset + head, chunkIndexSize) : offset + head;
      const bodySize =
        layout === layoutChunked
          ? Math.ceil(size / 2 ** bits) * chunkIndexSize
          : layout === layoutInline
            ? size % blockSize
            : 0;
      const at = output.reserve(offset, body + bodySize - offset);
      const { bytes, view } = output;
      const bodyAt = at + body - offset;
      this.#writeHead(inode, i + 1, at);
      if (set !== 0) this.#xattrs.write(set, bytes, view, at + this.#isize[inode]!);
      if (format === formatDirectory || format === formatSymlink) {
        view.setUint32(at + 0x10, blocksStart / blockSize + this.#startBlock[inode]!, true);
        if (layout === layoutInline) this.#writeTail(inode, size - bodySize, bodyAt);
      } else if (layout === layoutChunked) {
        view.setUint16(at + 0x10, (bits - blockBits) | chunkIndexes, true);
        const file = this.#sparseFile(inode);
        if (file) copied = writeSparse(file, bits, { view, offset: bodyAt, copied });
        else writeRun(view, bodyAt, { size, bits, block: inodes.data[inode]! });
      } else if (format === formatChar || format === formatBlock)
        view.setUint32(at + 0x10, inodes.data[inode]!, true);
    }
  }

  /** Writes the block that begins at `tail` to `at` of the window. */
  #writeTail(inode: number, tail: number, at: number): void {
    // Not where it is called: each turn of a loop around a closure leaves the loop's variables behind.
    this.#writeContent(inode, (start) => (start === tail ? at : -1));
  }

  #writeHead(inode: number, number: number, at: number): void {
    const inodes = this.#inodes;
    const { bytes, view } = this.#output;
    const isExtended = this.#isize[inode] === extendedInodeSize;
    const xattrSize = this.#xattrs.sizeOf(inodes.xattrs[inode]!);
    bytes[at] = (this.#layout[inode]! << 1) | (isExtended ? 1 : 0);
    view.setUint16(at + 2, xattrSize === 0 ? 0 : (xattrSize - 12) / 4 + 1, true);
    view.setUint16(at + 4, inodes.mode[inode]!, true);
    view.setUint32(at + 0x14, number, true);
    const size = inodes.size[inode]!;
    if (!isExtended) {
      view.setUint16(at + 6, this.#order.nlink[inode]!, true);
      view.setUint32(at + 8, size, true);
      view.setUint16(at + 0x18, inodes.uid[inode]!, true);
      view.setUint16(at + 0x1a, inodes.gid[inode]!, true);
      return;
    }
    setUint64(view, at + 8, size);
    view.setUint32(at + 0x18, inodes.uid[inode]!, true);
    view.setUint32(at + 0x1c, inodes.gid[inode]!, true);
    setInt64(view, at + 0x20, inodes.mtime[inode]!);
    view.setUint32(at + 0x28, inodes.mtimeNsec[inode]!, true);
    view.setUint32(at + 0x2c, this.#order.nlink[inode]!, true);
  }

  /** Writes those blocks of directories and symlinks that do not stand behind their inode. */
  #writeBlocks(blocksStart: number): void {
    const inodes = this.#inodes;
    const output = this.#output;
    const order = this.#order.inodes;
    for (let i = 0; i < order.length; i++) {
      const inode = order[i]!;
      this.#pace.step();
      const format = inodes.format(inode);
      if (format !== formatDirectory && format !== formatSymlink) continue;
      const size = inodes.size[inode]!;
      const whole = this.#layout[inode] === layoutInline ? size - (size % blockSize) : size;
      if (whole === 0) continue;
      const begin = blocksStart + this.#startBlock[inode]! * blockSize;
      this.#writeContent(inode, (start) => (start < whole ? output.reserve(begin + start, blockSize) : -1));
    }
  }

  /** Writes those blocks of a directory or symlink for which `placeOf` gives a place in the window. */
  #writeContent(inode: number, placeOf: (start: number) => number): void {
    this.#pace.jump();
    const inodes = this.#inodes;
    const output = this.#output;
    if (inodes.isSymlink(inode)) {
      const target = inodes.targetBytes(inode);
      for (let start = 0; start < target.length; start += blockSize) {
        const at = placeOf(start);
        if (at >= 0) output.bytes.set(target.subarray(start, start + blockSize), at);
      }
      return;
    }
    const names = this.#names;
    const leadsTo = (id: number) =>
      id === selfName ? inode : id === parentName ? inodes.parent[inode]! : names.inodeOf(id);
    writeDirectory(
      names,
      this.#order.sortedNames(inode),
      { output, placeOf, pace: this.#pace },
      (id) => this.#nid[leadsTo(id)]!,
      (id) => direntType[inodes.mode[leadsTo(id)]! >> 12]!,
    );
  }

  /** Copies the chunks of sparse files that the tar does not hold as chunks. */
  #writeCopied(copiedStart: number): void {
    let next = copiedStart;
    // Plans were made in the order of the image, as the places were given out.
    for (const [inode, { bits, copied }] of this.#plans)
      if (copied > 0)
        next = writeCopied(
          this.#sparseFile(inode)!,
          bits,
          { output: this.#output, next },
          this.#options.read,
        );
  }

  #tarBlocks(): number {
    if (this.#options.tarSize !== undefined) return Math.ceil(this.#options.tarSize / blockSize);
    let end = 0;
    const order = this.#order.inodes;
    for (let i = 0; i < order.length; i++) {
      const inode = order[i]!;
      this.#pace.step();
      if (this.#layout[inode] === layoutChunked) end = Math.max(end, this.#dataEnd(inode));
    }
    return Math.ceil(end / blockSize);
  }
}
