import { closeSync, constants, openSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { errnoName } from "./errno.ts";
import { errno, libc, memoryAt } from "./libc.ts";
import { pageSize } from "./page-size.ts";
import { ResidentPages } from "./resident-pages.ts";

/** Bytes that one memory takes from the heap before a file is made: what 20,000 files need never gets there. */
const heapLimit = 6 << 20;
/** Bytes of the file made at once. */
const step = 4 << 20;
/** Addresses set aside; only those that are used cost anything. */
const reserved = 2 ** 36;

const protection = { none: 0, readWrite: 3 } as const;
/** MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE */
const reserveFlags = 0x4022;
/** MAP_SHARED | MAP_FIXED */
const fileFlags = 0x11;
/** MADV_RANDOM */
const random = 1;
/** O_TMPFILE less O_DIRECTORY, which is not the same number everywhere. */
const temporaryFile = 0o20000000;

/**
 * Memory for tables that may get large: from a limit on it lies in a file without a name, which the kernel writes to the disk when memory is
 * short, and `release` takes what is not in use out of the process. So a table of a million rows, gone through from one end to the
 * other, takes no more than one of a thousand. After a kill -9 nothing is left of the file.
 *
 * Room on the disk is claimed before it is used, so that a full disk is no SIGBUS. Where no such file can be had (no room, a file system that
 * can neither, another system than Linux) everything comes from the heap.
 */
export class FileMemory {
  readonly #path: string;
  readonly #heapLimit: number;
  #heap = 0;
  #fd = -1;
  #base = 0;
  /** Bytes of the file, all mapped, and those given away. */
  #size = 0;
  #used = 0;
  #state: "heap" | "file" | "none" = "heap";
  #resident: ResidentPages | undefined;

  /** `path`: of a file that may be made, which has no name by the time the constructor or `allocate` returns. */
  constructor(path: string, options: { readonly heapLimit?: number } = {}) {
    this.#path = path;
    this.#heapLimit = options.heapLimit ?? heapLimit;
  }

  /** Bytes given away that lie in the file. */
  get fileBytes(): number {
    return this.#used;
  }

  /** So many zero bytes, at an address that is a multiple of 8. They must not be touched after `close`. */
  allocate(bytes: number): ArrayBuffer {
    if (this.#state === "heap" && this.#heap + bytes > this.#heapLimit) this.#open();
    if (this.#state !== "file" || bytes === 0 || !this.#claim(bytes)) {
      this.#heap += bytes;
      return new ArrayBuffer(bytes);
    }
    const at = this.#used;
    this.#used += wholePages(bytes);
    return memoryAt(this.#base + at, bytes);
  }

  /**
   * To be called between the steps of long passes: takes the pages out of the process when they have become many. They come back when
   * they are touched, from memory as long as there is enough.
   */
  release(): void {
    if (this.#used > 0) this.#resident?.release(this.#used);
  }

  /** Gives everything back. Idempotent. */
  close(): void {
    if (this.#state === "file") {
      libc().munmap(this.#base, reserved);
      closeSync(this.#fd);
      this.#resident?.close();
    }
    this.#state = "none";
    this.#used = 0;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #open(): void {
    this.#state = "none";
    const fd = process.platform === "linux" ? openUnnamed(this.#path) : -1;
    if (fd < 0) return;
    const base = libc().mmap(0, reserved, protection.none, reserveFlags, -1, 0);
    if (base === -1) {
      closeSync(fd);
      return;
    }
    this.#resident = new ResidentPages(base);
    this.#fd = fd;
    this.#base = base;
    this.#state = "file";
  }

  /** False when the file cannot get that much longer. */
  #claim(bytes: number): boolean {
    const needed = this.#used + wholePages(bytes);
    if (needed <= this.#size) return true;
    const size = Math.ceil(needed / step) * step;
    if (size > reserved || !fallocated(this.#fd, this.#size, size - this.#size)) return false;
    const at = this.#base + this.#size;
    const length = size - this.#size;
    if (libc().mmap(at, length, protection.readWrite, fileFlags, this.#fd, this.#size) !== at) return false;
    // Else the page cache takes large pieces, and a touch of one byte brings 2 MiB into the process.
    libc().madvise(at, length, random);
    this.#size = size;
    return true;
  }
}

function wholePages(bytes: number): number {
  const page = pageSize();
  return Math.ceil(bytes / page) * page;
}

function fallocated(fd: number, offset: number, length: number): boolean {
  for (;;) {
    if (libc().fallocate(fd, 0, offset, length) === 0) return true;
    if (errnoName(errno()) !== "EINTR") return false;
  }
}

/** A file without a name, or -1. */
function openUnnamed(path: string): number {
  const { O_RDWR, O_CREAT, O_EXCL, O_DIRECTORY, O_NOFOLLOW } = constants;
  try {
    return openSync(dirname(path), O_RDWR | O_DIRECTORY | temporaryFile, 0o600);
  } catch {
    // overlayfs before Linux 6.1, NFS.
  }
  try {
    const fd = openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    rmSync(path);
    return fd;
  } catch {
    return -1;
  }
}
