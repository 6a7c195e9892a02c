import { writeSync } from "node:fs";

/** Writes all of it: one call may take less than it is given. Errors: as of `writeSync`. */
export function writeAll(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.byteLength; ) done += writeSync(fd, bytes, done);
}
