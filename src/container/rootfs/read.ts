import { closeSync, fstatSync, readSync } from "node:fs";
import { closeFd, openAt, openDirectory, openFlags, resolveFlags } from "../../sys/index.ts";

/** passwd and group of an image are its maker's: a link must not lead to the host, nor a huge file fill memory (CVE-2024-9676). */
const largestFile = 10 * 1024 * 1024;

/**
 * A small regular file of a container, resolved inside its root by the kernel; undefined when it is missing, not a regular file or too
 * large. Safe also while processes of the container run.
 */
export function readInRoot(root: string, path: string): Uint8Array | undefined {
  const anchor = openDirectory(root);
  try {
    // Non-blocking, because opening a FIFO that nobody writes to would hang.
    const flags = openFlags.readOnly | openFlags.nonblock | openFlags.noctty;
    const fd = openAt(anchor, path, { flags, resolve: resolveFlags.inRoot | resolveFlags.noMagicLinks });
    try {
      const stat = fstatSync(fd);
      if (!stat.isFile() || stat.size > largestFile) return undefined;
      const bytes = new Uint8Array(stat.size);
      const length = readSync(fd, bytes, 0, bytes.length, 0);
      return bytes.subarray(0, length);
    } finally {
      closeSync(fd);
    }
  } catch {
    return undefined;
  } finally {
    closeFd(anchor);
  }
}
