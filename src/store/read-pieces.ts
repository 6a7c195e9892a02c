import { closeSync, openSync, readSync } from "node:fs";

const pieceSize = 1 << 20;

/** Hands a file over in pieces, each of which is overwritten by the next. */
export function readPieces(path: string, take: (piece: Uint8Array) => void): void {
  const buffer = Buffer.allocUnsafe(pieceSize);
  const file = openSync(path, "r");
  try {
    for (;;) {
      const count = readSync(file, buffer);
      if (count === 0) return;
      take(buffer.subarray(0, count));
    }
  } finally {
    closeSync(file);
  }
}
