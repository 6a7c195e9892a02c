import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
import { StrakeError } from "../errors/index.ts";
import { createDigester, type Digest } from "../oci/index.ts";
import { WriteBehind } from "../store/index.ts";
import { fromNodeError } from "../sys/index.ts";

/** Bytes gathered before they are hashed and written; measured 1 to 4 MiB alike, less is slower. */
const bufferSize = 2 << 20;

/**
 * The tar of a layer while it is written: every byte is hashed once and written once, in large pieces. Small parts
 * are put straight into `buffer` by the caller (`reserve`, then `advance`), so that a file of the context is copied
 * once, from the kernel to where the hash and the write find it.
 */
export class TarFile {
  readonly #fd: number;
  readonly #digester = createDigester();
  readonly #behind: WriteBehind;
  readonly buffer: Buffer = Buffer.allocUnsafe(bufferSize);
  #used = 0;
  #flushed = 0;
  #open = true;

  /** Makes the file. It must not exist. */
  constructor(path: string) {
    const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    this.#fd = attempt(() => openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600));
    this.#behind = new WriteBehind(this.#fd);
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

  /** Appends bytes; large ones without a copy. The caller may reuse them afterwards. */
  append(bytes: Uint8Array): void {
    if (bytes.length > this.free) this.flush();
    if (bytes.length > bufferSize / 2) this.#put(bytes);
    else {
      this.buffer.set(bytes, this.#used);
      this.#used += bytes.length;
    }
  }

  appendZeros(length: number): void {
    for (let rest = length; rest > 0; ) {
      if (this.free === 0) this.flush();
      const part = Math.min(rest, this.free);
      this.buffer.fill(0, this.#used, this.#used + part);
      this.#used += part;
      rest -= part;
    }
  }

  flush(): void {
    if (this.#used === 0) return;
    const used = this.#used;
    this.#used = 0;
    this.#put(this.buffer.subarray(0, used));
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

  /** Writes what is left and gives the digest of everything. */
  finish(): Digest {
    this.flush();
    return this.#digester.digest();
  }

  close(): void {
    if (this.#open) closeSync(this.#fd);
    this.#open = false;
  }

  #put(bytes: Uint8Array): void {
    this.#digester.update(bytes);
    for (let at = 0; at < bytes.length; )
      at += attempt(() => writeSync(this.#fd, bytes, at, bytes.length - at, null));
    this.#flushed += bytes.length;
    this.#behind.wrote(this.#flushed);
  }
}

function attempt<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw fromNodeError(error);
  }
}
