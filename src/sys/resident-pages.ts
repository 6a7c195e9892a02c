import { closeSync, openSync, readSync } from "node:fs";
import { libc } from "./libc.ts";
import { pageSize } from "./page-size.ts";

/** Bytes of files that may come into the process; with less, pages that are used all the time come and go too often. */
const residentLimit = 4 << 20;
/** Calls of `release` after which pages are taken out, whatever the kernel says it counts. */
const callsHeld = 32;
/** MADV_DONTNEED */
const dontNeed = 4;

const statm = Buffer.alloc(128);

/**
 * Takes the pages of a mapped file out of the process when they have become many: the kernel brings more than what is touched, and takes
 * nothing back while memory is plenty. They come again when they are touched. For mappings that are shared, or private and never written.
 */
export class ResidentPages {
  readonly #address: number;
  /** Descriptor of what the kernel says about the process, -1 where it says nothing. */
  #statm = openStatm();
  #calls = 0;
  /** Pages of files in the process when this one's had just been taken out. */
  #least = this.#count();

  /** `address`: of the mapping's first byte. */
  constructor(address: number) {
    this.#address = address;
  }

  /** To be called between the steps of long passes; of the mapping's first `length` bytes. */
  release(length: number): void {
    if (++this.#calls < callsHeld && (this.#count() - this.#least) * pageSize() < residentLimit) return;
    libc().madvise(this.#address, length, dontNeed);
    this.#calls = 0;
    this.#least = this.#count();
  }

  /** Idempotent. */
  close(): void {
    if (this.#statm >= 0) closeSync(this.#statm);
    this.#statm = -1;
  }

  /** Pages of files that are in the process: the third number of /proc/self/statm. */
  #count(): number {
    if (this.#statm < 0) return 0;
    const length = readSync(this.#statm, statm, 0, statm.length, 0);
    return Number(statm.toString("latin1", 0, length).split(" ")[2]);
  }
}

function openStatm(): number {
  try {
    return openSync("/proc/self/statm", "r");
  } catch {
    return -1;
  }
}
