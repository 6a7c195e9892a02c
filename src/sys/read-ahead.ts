import { closeSync, openSync } from "node:fs";
import { isCached } from "./is-cached.ts";
import { libc } from "./libc.ts";
import { nodePath } from "./path.ts";

/** Of posix_fadvise(2). */
const willNeed = 3;
/** Bytes of one call: where pages of the cache are dear it takes 2.5 ms, during which nothing else happens here. */
const stride = 1 << 20;

/**
 * Begins to bring a stretch of a file into the page cache, for somebody who is about to send it: left to itself the kernel reads too little
 * ahead of him. Nothing happens where half of the file is there already, or where the file cannot be read, which he will
 * hear of. Resolves when all was asked for, not when it is there; lets others have their turn meanwhile. Never rejects.
 */
export async function readAhead(path: string, { start, end }: { start: number; end: number }): Promise<void> {
  let fd: number | undefined;
  try {
    fd = openSync(nodePath(path), "r");
    if (isCached(fd)) return;
    for (let at = start; at < end; at += stride) {
      if (libc().posix_fadvise(fd, at, Math.min(stride, end - at), willNeed) !== 0) return;
      await new Promise((resolve) => setImmediate(resolve));
    }
  } catch {
    // Only advice.
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
