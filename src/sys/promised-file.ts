import { close, closeSync, renameSync, rmSync, symlinkSync, write, writeFileSync, writeSync } from "node:fs";
import { openPipe } from "./pipe.ts";
import { syscall } from "./syscall.ts";

const setPipeSize = 1031;
/** Bytes that a new pipe takes before anybody reads. */
const usualRoom = 64 << 10;

/**
 * A file that another process may open before its content is known: until then it is a pipe, at whose other end that process waits. The name leads
 * there through /proc, so once we are gone, killed or not, it leads nowhere, and whoever has it open reads its end.
 */
export class PromisedFile implements Disposable {
  readonly #path: string;
  /** Kept open: who has just looked the name up may still be on the way to it. */
  readonly #readEnd: number;
  #writeEnd: number | undefined;
  #isOver = false;

  /** Errors: as of `symlinkSync`, for instance EEXIST. */
  constructor(path: string) {
    const { readEnd, writeEnd } = openPipe();
    try {
      symlinkSync(`/proc/${process.pid}/fd/${readEnd}`, path);
    } catch (error) {
      for (const fd of [readEnd, writeEnd]) closeSync(fd);
      throw error;
    }
    this.#path = path;
    this.#readEnd = readEnd;
    this.#writeEnd = writeEnd;
  }

  /** The content, for the one who waits and, as a usual file in the pipe's place, for all who come later. Once only. */
  keep(content: string): void {
    const bytes = Buffer.from(content);
    writeFileSync(`${this.#path}.new`, bytes, { mode: 0o600 });
    renameSync(`${this.#path}.new`, this.#path);
    const fd = this.#writeEnd!;
    this.#writeEnd = undefined;
    if (bytes.length <= usualRoom || syscall("fcntl", fd, setPipeSize, bytes.length) >= bytes.length) {
      writeSync(fd, bytes);
      closeSync(fd);
    } else feed(fd, bytes);
  }

  /** If nothing was kept, there is nothing to wait for any more. Idempotent. */
  [Symbol.dispose](): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#writeEnd !== undefined) {
      rmSync(this.#path, { force: true });
      closeSync(this.#writeEnd);
      this.#writeEnd = undefined;
    }
    closeSync(this.#readEnd);
  }
}

/** As the reader takes it. Where there is none it ends (EPIPE) when our own read end is closed. */
function feed(fd: number, bytes: Uint8Array): void {
  if (bytes.length === 0) close(fd);
  else write(fd, bytes, (error, count) => feed(fd, error ? bytes.subarray(0, 0) : bytes.subarray(count)));
}
