import { read } from "node:fs";
import { fromNodeError } from "./errno.ts";

/** Fills `into` from an offset of an open file, on another thread. Gives how many bytes came; none at the end. Errors: SYS_*. */
export function readAt(fd: number, into: Buffer, at: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, into, 0, into.byteLength, at, (error, count) =>
      error ? reject(fromNodeError(error)) : resolve(count),
    );
  });
}

/** At most so many bytes from an offset of an open file, in a buffer of their own. Errors: SYS_*. */
export async function readPiece(fd: number, length: number, at: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(length);
  return buffer.subarray(0, await readAt(fd, buffer, at));
}
