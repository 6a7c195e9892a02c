import { closeSync, write } from "node:fs";
import { openPipe } from "./pipe.ts";

/**
 * A pipe for the input or output of a child process. What Bun makes for `stdout: "pipe"` is a socket, and a socket cannot be opened by
 * its name: `echo > /dev/stderr` in the child would fail with ENXIO.
 */
export class ChildPipe implements Disposable {
  /** What the child gets as its stdin, stdout or stderr; see `passed`. */
  readonly childEnd: number;
  readonly #ourEnd: number;
  readonly #open: Set<number>;

  /** `input` is what the child reads, `output` what it writes. */
  constructor(direction: "input" | "output") {
    const { readEnd, writeEnd } = openPipe();
    [this.childEnd, this.#ourEnd] = direction === "input" ? [readEnd, writeEnd] : [writeEnd, readEnd];
    this.#open = new Set([readEnd, writeEnd]);
  }

  /** The child has it: our copy of its end is closed, so that the pipe ends with the last process that holds it. */
  passed(): void {
    this.#close(this.childEnd);
  }

  /** All that the child writes, read at the reader's pace. */
  stream(): ReadableStream<Uint8Array> {
    return Bun.file(this.#ourEnd).stream();
  }

  /** Hands bytes to the child; resolves when there was room for all. Rejects (EPIPE) when it reads no more. */
  async write(data: Uint8Array): Promise<void> {
    for (let rest = data; rest.length > 0; ) {
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      write(this.#ourEnd, rest, (error, count) => (error ? reject(error) : resolve(count)));
      rest = rest.subarray(await promise);
    }
  }

  [Symbol.dispose](): void {
    for (const fd of [...this.#open]) this.#close(fd);
  }

  #close(fd: number): void {
    if (this.#open.delete(fd)) closeSync(fd);
  }
}
