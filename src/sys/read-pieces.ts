import { closeSync, constants, openSync } from "node:fs";
import { fromNodeError } from "./errno.ts";
import { isCached } from "./is-cached.ts";
import { nodePath } from "./path.ts";
import { allocatePiece, pieceSize } from "./piece.ts";
import { readAt } from "./read-at.ts";

/**
 * The bytes of a file in large pieces, each only good until the next one is asked for: while the caller works on one the next is read. A file
 * that is not in the page cache is read past it, so that reading once what nobody reads again neither pays for the cache's pages nor drives
 * others out (docs/decisions/0063-direct-writes.md).
 */
export async function* readPieces(path: string): AsyncGenerator<Buffer, void, undefined> {
  const fd = open(path);
  const pieces = [allocatePiece(), allocatePiece()];
  let next: Promise<number> | undefined;
  try {
    let at = 0;
    next = readAt(fd, pieces[0]!, at);
    for (let turn = 0; ; turn ^= 1) {
      const count: number = await next!;
      next = undefined;
      if (count === 0) return;
      at += count;
      // Past the cache a read ends inside of a block only where the file does.
      const isLast = count < pieceSize && count % 512 !== 0;
      if (!isLast) {
        next = readAt(fd, pieces[turn ^ 1]!, at);
        // Whoever walks away now leaves no failure behind that nobody hears of.
        next.catch(() => {});
      }
      yield pieces[turn]!.subarray(0, count);
      if (isLast) return;
    }
  } finally {
    await next?.catch(() => {});
    closeSync(fd);
  }
}

function open(path: string): number {
  try {
    const fd = openSync(nodePath(path), constants.O_RDONLY);
    if (constants.O_DIRECT === undefined || isCached(fd)) return fd;
    try {
      const direct = openSync(nodePath(path), constants.O_RDONLY | constants.O_DIRECT);
      closeSync(fd);
      return direct;
    } catch {
      // A file system without O_DIRECT.
      return fd;
    }
  } catch (error) {
    throw fromNodeError(error);
  }
}
