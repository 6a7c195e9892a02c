import { readPiece } from "./read-at.ts";

const piece = 1 << 20;

/**
 * The bytes of an open file from an offset to its end, or to `end`, each piece a buffer of its own; the next is read while the caller works.
 * The descriptor stays the caller's, and nothing reads it any more when the loop is left. Errors: SYS_*.
 */
export async function* readFrom(
  fd: number,
  start = 0,
  end = Number.POSITIVE_INFINITY,
): AsyncGenerator<Buffer, void, undefined> {
  const next = (at: number) => (at < end ? readPiece(fd, Math.min(piece, end - at), at) : undefined);
  let pending = next(start);
  try {
    for (let at = start; pending !== undefined; ) {
      const bytes: Buffer = await pending;
      pending = undefined;
      if (bytes.byteLength === 0) return;
      at += bytes.byteLength;
      pending = next(at);
      // Whoever walks away now leaves no failure behind that nobody hears of.
      pending?.catch(() => {});
      yield bytes;
    }
  } finally {
    await pending?.catch(() => {});
  }
}
