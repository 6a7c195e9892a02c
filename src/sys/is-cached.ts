import { fstatSync } from "node:fs";
import { pageSize } from "./page-size.ts";
import { syscall } from "./syscall.ts";

/** Whether half of a file is in the page cache (cachestat(2), Linux 6.5); true where the kernel does not tell. */
export function isCached(fd: number): boolean {
  const range = new Uint8Array(16);
  // How many pages: cached, dirty, being written, evicted, evicted lately.
  const found = new Uint8Array(40);
  if (syscall("cachestat", fd, range, found, 0) !== 0) return true;
  const pages = new DataView(found.buffer).getBigUint64(0, true);
  return Number(pages) * pageSize() * 2 >= fstatSync(fd).size;
}
