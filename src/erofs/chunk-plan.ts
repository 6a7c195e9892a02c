import { StrakeError } from "../errors/index.ts";
import { quote, type SparseExtent } from "../tar/index.ts";
import { alignUp, blockBits, blockSize, chunkBitsMask, chunkIndexSize } from "./format.ts";

/** How a sparse file is cut into chunks of equal size, each of them one contiguous run of a device or a hole. */
export interface SparsePlan {
  /** log2 of the chunk size. */
  readonly bits: number;
  readonly count: number;
  /** Bytes of chunks that must be copied into the image because the tar does not hold them in that arrangement. */
  readonly copied: number;
}

const maxBits = blockBits + chunkBitsMask;

/** What a sparse file may cost in the image: chunk indexes and copied chunks together. */
const costLimit = 16 * 1024 * 1024;

/** log2 of the chunk size for a file without holes: one chunk for anything up to 1 TiB. */
export function fileChunkBits(size: number): number {
  let bits: number = blockBits;
  while (bits < maxBits && 2 ** bits < size) bits++;
  return bits;
}

/**
 * The cheapest chunk size for a sparse file. Small chunks need many indexes (a hole of 300 GB in blocks of 512 would
 * take 5 GB of them); large ones hold data and hole at once and then must be copied into the image. Archives made by
 * GNU tar, bsdtar and Go align their extents, so commonly nothing is copied.
 *
 * Errors: `TAR_INVALID` when the extents are not a map of the file; `EROFS_LIMIT` when no size is affordable.
 */
export function planSparse(file: SparseFile): SparsePlan {
  const { size, path } = file;
  const runs = mergeExtents(file);
  let best: SparsePlan | undefined;
  let bestCost = costLimit;
  // From large chunks to small: indexes only get more, so the first size they alone cost too much ends the search.
  for (let bits = maxBits; bits >= blockBits; bits--) {
    const count = Math.ceil(size / 2 ** bits);
    if (count * chunkIndexSize > bestCost) break;
    let copied = 0;
    visitRuns(file, runs, bits, (number, tarOffset) => {
      if (tarOffset === undefined) copied += copiedSize(file, bits, number);
      return copied <= bestCost;
    });
    if (count * chunkIndexSize + copied <= bestCost) {
      best = { bits, count, copied };
      bestCost = count * chunkIndexSize + copied;
    }
  }
  if (best) return best;
  throw new StrakeError(
    "EROFS_LIMIT",
    `the sparse file ${quote(path)} is cut so that its index would not fit 16 MiB`,
    { hint: "store the file without holes, or with holes that start and end at multiples of 4096" },
  );
}

/** A sparse file in the tar: its extents' bytes lie back to back from `dataOffset` on. */
export interface SparseFile {
  /** For messages. */
  readonly path: string;
  readonly size: number;
  readonly dataOffset: number;
  readonly extents: readonly SparseExtent[];
}

/**
 * Calls `visit` for every chunk that holds data, in order, with where its bytes are in the tar, or undefined for one to
 * be copied. The extents must have passed `planSparse`.
 */
export function visitChunks(
  file: SparseFile,
  bits: number,
  visit: (number: number, tarOffset: number | undefined) => void,
): void {
  visitRuns(file, mergeExtents(file), bits, (number, tarOffset) => {
    visit(number, tarOffset);
    return true;
  });
}

/** Bytes a copied chunk takes in the image. */
export function copiedSize(file: SparseFile, bits: number, number: number): number {
  return alignUp(Math.min(2 ** bits, file.size - number * 2 ** bits), blockSize);
}

/** As `visitChunks`, until `visit` returns false. */
function visitRuns(
  { size, dataOffset }: SparseFile,
  runs: readonly SparseExtent[],
  bits: number,
  visit: (number: number, tarOffset: number | undefined) => boolean,
): void {
  const chunkSize = 2 ** bits;
  let stored = dataOffset;
  let last = -1;
  for (const run of runs) {
    const end = run.offset + run.length;
    // Behind the last byte of a run the tar has padding or the next run, not the zeros the file has there.
    const firstWhole = Math.ceil(run.offset / chunkSize);
    const endWhole = end === size ? Math.ceil(end / chunkSize) : Math.floor(end / chunkSize);
    for (let number = Math.floor(run.offset / chunkSize); number * chunkSize < end; number++) {
      if (number === last) continue;
      last = number;
      const at = stored + number * chunkSize - run.offset;
      const direct = number >= firstWhole && number < endWhole && at % blockSize === 0;
      if (!visit(number, direct ? at : undefined)) return;
    }
    stored += run.length;
  }
}

/** Extents that touch are one run, since their stored bytes touch too; empty ones (a file's end) say nothing. */
function mergeExtents({ size, extents, path }: SparseFile): readonly SparseExtent[] {
  const runs: { offset: number; length: number }[] = [];
  let end = 0;
  for (const extent of extents) {
    if (extent.offset < end || extent.length < 0 || extent.offset + extent.length > size)
      throw new StrakeError(
        "TAR_INVALID",
        `the map of the sparse file ${quote(path)} overlaps or leaves the file`,
      );
    const last = runs.at(-1);
    if (last && extent.offset === last.offset + last.length) last.length += extent.length;
    else if (extent.length > 0) runs.push({ offset: extent.offset, length: extent.length });
    end = extent.offset + extent.length;
  }
  return runs;
}

/** Bytes of one chunk to be copied: the extents' bytes that fall into it, zeros between. */
export function assembleChunk(
  file: SparseFile,
  start: number,
  target: Uint8Array,
  read: (offset: number, length: number) => Uint8Array,
): void {
  let stored = file.dataOffset;
  for (const extent of file.extents) {
    const from = Math.max(start, extent.offset);
    const to = Math.min(start + target.length, extent.offset + extent.length);
    if (from < to) target.set(read(stored + from - extent.offset, to - from), from - start);
    stored += extent.length;
  }
}
