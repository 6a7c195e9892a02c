import { StrakeError } from "../errors/index.ts";
import { assembleChunk, copiedSize, type SparseFile, visitChunks } from "./chunk-plan.ts";
import { blockSize, chunkIndexSize, holeAddress } from "./format.ts";
import type { ImageOutput } from "./image-output.ts";

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
  readonly view: DataView;
  /** Where in `view` the indexes go. */
  readonly offset: number;
  /** Where in the image the next copied chunk goes. */
  readonly copied: number;
}

/** Writes the chunk indexes of a sparse file; returns where the next chunk to be copied goes. */
export function writeSparse(file: SparseFile, bits: number, { view, offset, copied }: SparseTarget): number {
  const count = Math.ceil(file.size / 2 ** bits);
  for (let i = 0; i < count; i++) view.setUint32(offset + i * chunkIndexSize + 4, holeAddress, true);
  let next = copied;
  visitChunks(file, bits, (number, tarOffset) => {
    const at = offset + number * chunkIndexSize;
    if (tarOffset !== undefined) {
      view.setUint16(at + 2, tarDevice, true);
      view.setUint32(at + 4, tarOffset / blockSize, true);
      return;
    }
    view.setUint32(at + 4, next / blockSize, true);
    next += copiedSize(file, bits, number);
  });
  return next;
}

/** Writes the chunks of a sparse file that are copied, from `next` of the image on; returns where the next file's go. */
export function writeCopied(
  file: SparseFile,
  bits: number,
  target: { readonly output: ImageOutput; readonly next: number },
  read: ((offset: number, length: number) => Uint8Array) | undefined,
): number {
  if (!read) throw new StrakeError("INTERNAL", "a chunk to be copied was planned without a reader");
  const chunkSize = 2 ** bits;
  const { output } = target;
  let { next } = target;
  visitChunks(file, bits, (number, tarOffset) => {
    if (tarOffset !== undefined) return;
    const start = number * chunkSize;
    const length = Math.min(chunkSize, file.size - start);
    const at = output.reserve(next, length);
    assembleChunk(file, start, output.bytes.subarray(at, at + length), read);
    next += copiedSize(file, bits, number);
  });
  return next;
}
