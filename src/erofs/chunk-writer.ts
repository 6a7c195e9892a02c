import { StrakeError } from "../errors/index.ts";
import { assembleChunk, copiedSize, type SparseFile, visitChunks } from "./chunk-plan.ts";
import { blockSize, chunkIndexSize, holeAddress } from "./format.ts";

/** Device id of the layer's tar; 0 is the index itself. */
const tarDevice = 1;

/** Writes the chunk indexes of a file that lies in the tar in one run from a block on. */
export function writeRun(
  view: DataView,
  offset: number,
  file: { size: number; bits: number; block: number },
): void {
  const chunkSize = 2 ** file.bits;
  for (let at = offset, start = 0; start < file.size; at += chunkIndexSize, start += chunkSize) {
    view.setUint16(at + 2, tarDevice, true);
    view.setUint32(at + 4, file.block + start / blockSize, true);
  }
}

export interface SparseTarget {
  readonly image: Uint8Array;
  readonly view: DataView;
  /** Where the indexes go, and where the next copied chunk does. */
  readonly offset: number;
  readonly copied: number;
}

/** Writes the chunk indexes of a sparse file and the chunks to be copied; returns where the next of those goes. */
export function writeSparse(
  file: SparseFile,
  bits: number,
  { image, view, offset, copied }: SparseTarget,
  read: ((offset: number, length: number) => Uint8Array) | undefined,
): number {
  const chunkSize = 2 ** bits;
  const count = Math.ceil(file.size / chunkSize);
  for (let i = 0; i < count; i++) view.setUint32(offset + i * chunkIndexSize + 4, holeAddress, true);
  let next = copied;
  visitChunks(file, bits, (number, tarOffset) => {
    const at = offset + number * chunkIndexSize;
    if (tarOffset !== undefined) {
      view.setUint16(at + 2, tarDevice, true);
      view.setUint32(at + 4, tarOffset / blockSize, true);
      return;
    }
    if (!read) throw new StrakeError("INTERNAL", "a chunk to be copied was planned without a reader");
    const start = number * chunkSize;
    view.setUint32(at + 4, next / blockSize, true);
    assembleChunk(file, start, image.subarray(next, next + Math.min(chunkSize, file.size - start)), read);
    next += copiedSize(file, bits, number);
  });
  return next;
}
