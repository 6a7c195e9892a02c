import type { Extent } from "../../erofs/index.ts";
import type { LayerFiles } from "./layer-files.ts";

/** Bytes a stream reads at a time. */
const chunkSize = 256 * 1024;

/** Fills `target` with a file's bytes from `position` on; holes are zeros. The range must lie inside the file. */
export function fillRange(
  files: LayerFiles,
  extents: readonly Extent[],
  position: number,
  target: Uint8Array,
): void {
  target.fill(0);
  const end = position + target.length;
  for (let i = firstEndingAfter(extents, position); i < extents.length; i++) {
    const extent = extents[i]!;
    if (extent.fileOffset >= end) break;
    const from = Math.max(position, extent.fileOffset);
    const to = Math.min(end, extent.fileOffset + extent.length);
    const at = extent.offset + from - extent.fileOffset;
    const part = target.subarray(from - position, to - position);
    if (extent.device === 0) part.set(files.reader.image.subarray(at, at + part.length));
    else files.readTar(part, at);
  }
}

/** A file's bytes from `start` to `end` in chunks, each its own buffer. */
export async function* streamRange(
  files: LayerFiles,
  extents: readonly Extent[],
  range: { readonly start: number; readonly end: number },
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = range.start; at < range.end; at += chunkSize) {
    const chunk = new Uint8Array(Math.min(chunkSize, range.end - at));
    fillRange(files, extents, at, chunk);
    yield chunk;
  }
}

function firstEndingAfter(extents: readonly Extent[], position: number): number {
  let low = 0;
  let high = extents.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const extent = extents[middle]!;
    if (extent.fileOffset + extent.length <= position) low = middle + 1;
    else high = middle;
  }
  return low;
}
