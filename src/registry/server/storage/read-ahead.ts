import { readAhead } from "../../../sys/index.ts";
import type { ByteRange } from "./object-store.ts";

/** Bytes from which on it is worth while. */
const few = 4 << 20;
/** Bytes of one file: what a slow client has not taken for long would be dropped again before he comes to it. */
const most = 512 << 20;
/** Files at once. */
const atOnce = 2;

/**
 * Blobs are written past the page cache, so the first who asks for one would have it at the speed of a disk that is asked for a little at a
 * time. Docs: docs/decisions/0063-direct-writes.md.
 */
export class ReadAhead {
  readonly #advise: typeof readAhead;
  readonly #now = new Set<string>();

  constructor(advise = readAhead) {
    this.#advise = advise;
  }

  /** Says that a stretch of a file is about to be sent. Not more than some files at a time, and each once. */
  begin(path: string, { start, end }: ByteRange): void {
    if (end - start < few || this.#now.size >= atOnce || this.#now.has(path)) return;
    this.#now.add(path);
    void this.#advise(path, { start, end: Math.min(end, start + most) }).finally(() =>
      this.#now.delete(path),
    );
  }
}
