import { closeSync, constants, openSync, readSync, write, writeSync } from "node:fs";
import { StrakeError } from "../errors/index.ts";
import { createDigester, type Digest } from "../oci/index.ts";
import { WriteBehind } from "../store/index.ts";
import { fromNodeError } from "../sys/index.ts";

/** Bytes gathered before they are hashed and written. */
const bufferSize = 512 << 10;
/** Buffers in use at once: one being filled, the others on their way to the disk. */
const bufferCount = 4;

/**
 * The tar of a layer while it is written: every byte is hashed once and written once, in large pieces. Small parts
 * are put straight into `buffer` by the caller (`reserve`, then `advance`), so that a file of the context is copied
 * once, from the kernel to where the hash and the write find it.
 *
 * Full buffers are written by Node's threads while the next one is filled; when all are on their way, the
 * caller's thread writes too. So it need not wait and memory stays the same however fast the caller is.
 */
export class TarFile {
  readonly #fd: number;
  readonly #digester = createDigester();
  readonly #behind: WriteBehind;
  #buffer: Buffer = Buffer.allocUnsafe(bufferSize);
  readonly #spare: Buffer[] = [];
  #buffers = 1;
  #used = 0;
  #flushed = 0;
  #open = true;
  #writing = 0;
  #failure: unknown;
  #idle: (() => void) | undefined;

  /** Makes the file, which must not exist; `isThere`: it does, and is only read here. */
  constructor(path: string, { isThere = false }: { readonly isThere?: boolean } = {}) {
    const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    const flags = O_RDWR | O_NOFOLLOW | (isThere ? 0 : O_CREAT | O_EXCL);
    this.#fd = attempt(() => openSync(path, flags, 0o600));
    this.#behind = new WriteBehind(this.#fd);
  }

  /** Where the next bytes go. Another one after each `reserve`, `append`, `appendZeros` and `flush`. */
  get buffer(): Buffer {
    return this.#buffer;
  }

  /** Bytes of the tar so far. */
  get length(): number {
    return this.#flushed + this.#used;
  }

  /** Offset in `buffer` from which at least `length` bytes (not more than `capacity`) are free. */
  reserve(length: number): number {
    if (length > bufferSize - this.#used) this.flush();
    return this.#used;
  }

  get capacity(): number {
    return bufferSize;
  }

  /** Bytes of `buffer` behind the last `advance` that are still free. */
  get free(): number {
    return bufferSize - this.#used;
  }

  /** The next `length` bytes of `buffer` are part of the tar. */
  advance(length: number): void {
    this.#used += length;
  }

  /** Appends bytes, which the caller may reuse afterwards. */
  append(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      if (this.free === 0) this.flush();
      const part = bytes.subarray(at, at + this.free);
      this.#buffer.set(part, this.#used);
      this.#used += part.length;
      at += part.length;
    }
  }

  appendZeros(length: number): void {
    for (let rest = length; rest > 0; ) {
      if (this.free === 0) this.flush();
      const part = Math.min(rest, this.free);
      this.#buffer.fill(0, this.#used, this.#used + part);
      this.#used += part;
      rest -= part;
    }
  }

  /** Hashes what is in the buffer and starts to write it. Throws what an earlier write failed with. */
  flush(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#used === 0) return;
    const full = this.#buffer;
    const length = this.#used;
    const position = this.#flushed;
    this.#digester.update(full.subarray(0, length));
    this.#flushed += length;
    this.#used = 0;
    const next = this.#takeBuffer();
    if (next) {
      this.#buffer = next;
      this.#writing++;
      this.#start(full, { at: 0, length, position });
    } else
      for (let at = 0; at < length; )
        at += attempt(() => writeSync(this.#fd, full, at, length - at, position + at));
  }

  /** Bytes of the tar that were written before; only after a flush. */
  read(offset: number, length: number): Uint8Array {
    const bytes = Buffer.alloc(length);
    for (let at = 0; at < length; ) {
      const count = attempt(() => readSync(this.#fd, bytes, at, length - at, offset + at));
      if (count === 0)
        throw new StrakeError("TAR_TRUNCATED", "the layer's tar is shorter than its entries say");
      at += count;
    }
    return bytes;
  }

  /** Writes what is left, waits for the disk's answers and gives the digest of everything. */
  async finish(): Promise<Digest> {
    this.flush();
    if (this.#writing > 0)
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    if (this.#failure !== undefined) throw this.#failure;
    return this.#digester.digest();
  }

  /** Closes the file; not before writes that are under way have ended, as their descriptor could be another's by then. */
  close(): void {
    if (this.#open && this.#writing === 0) closeSync(this.#fd);
    this.#open = false;
  }

  #takeBuffer(): Buffer | undefined {
    const spare = this.#spare.pop();
    if (spare || this.#buffers === bufferCount) return spare;
    this.#buffers++;
    return Buffer.allocUnsafe(bufferSize);
  }

  #start(bytes: Buffer, { at, length, position }: { at: number; length: number; position: number }): void {
    write(this.#fd, bytes, at, length - at, position + at, (error, count) => {
      // A disk that is nearly full takes a part and reports the error with the next write.
      if (!error && at + count < length) this.#start(bytes, { at: at + count, length, position });
      else this.#written(bytes, error);
    });
  }

  #written(bytes: Buffer, error: unknown): void {
    if (error) this.#failure ??= fromNodeError(error);
    this.#spare.push(bytes);
    if (--this.#writing > 0) return;
    if (!this.#open) closeSync(this.#fd);
    else if (!error) this.#behind.wrote(this.#flushed);
    this.#idle?.();
  }
}

function attempt<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw fromNodeError(error);
  }
}
