import { closeSync, constants, fdatasync, openSync, write, writeSync } from "node:fs";
import { fromNodeError } from "./errno.ts";
import { nodePath } from "./path.ts";
import { blockSize, Pieces } from "./piece.ts";

/** Bytes through the page cache after which the disk is told to begin, so that the flush at the end finds little left to do. */
const stride = 16 << 20;
/** Full pieces of one file: one on its way to the disk, one waiting. */
const ahead = 2;
/** 36 MiB for all files of the process: 64 uploads fill a piece each. */
const shared = new Pieces(72);

export interface StreamFileOptions {
  /** Where the first byte goes; 0 when absent. The file has exactly so many bytes. */
  readonly position?: number;
  /** Write past the page cache where the file system can. Default: true. */
  readonly direct?: boolean;
  /** Somebody reads along: each byte is with the kernel when `append` resolves. Through the page cache, which is where it is read. */
  readonly eager?: boolean;
  /**
   * Pieces are written by the caller's own thread. For whoever serves many: while it waited its other sockets would be read, and what they
   * bring would pile up.
   */
  readonly blocking?: boolean;
  readonly pieces?: Pieces;
}

/**
 * A file that is written from one end to the other. Large files go past the page cache (O_DIRECT): on a machine that has given memory
 * back to its host a page of the cache costs more than hashing what is in it, and a disk that lags behind slows
 * its writer down at once and not at the end. Docs: docs/decisions/0063-direct-writes.md.
 *
 * Pieces are written one after the other, so that after a kill -9 the file's length says how much is there. Whoever holds no whole piece
 * (a short file, no memory left in the pool) writes through the cache. After an error only `close` is left.
 */
export class StreamFile {
  readonly #plain: number;
  readonly #path: string;
  readonly #pieces: Pieces;
  readonly #wantsDirect: boolean;
  readonly #eager: boolean;
  readonly #blocking: boolean;
  #direct: number | undefined;
  #triedDirect = false;
  /** Bytes that the kernel has taken, without gaps. */
  #written: number;
  /** Bytes in full pieces that are on their way. */
  #queued = 0;
  readonly #queue: Buffer[] = [];
  #isWriting = false;
  #piece: Buffer | undefined;
  #used = 0;
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;
  /** Bytes through the page cache since the last flush began. */
  #cached = 0;
  #flushing: Promise<void> | undefined;

  /** `fd` is open for writing and stays the caller's until `close`. `path` leads to the same file. */
  constructor(fd: number, path: string, options: StreamFileOptions = {}) {
    this.#plain = fd;
    this.#path = path;
    this.#written = options.position ?? 0;
    this.#pieces = options.pieces ?? shared;
    this.#eager = options.eager ?? false;
    this.#blocking = options.blocking ?? false;
    this.#wantsDirect = (options.direct ?? true) && constants.O_DIRECT !== undefined;
  }

  /** Bytes of the file that have been written, without gaps; all that were appended after `flush`. */
  get written(): number {
    return this.#written;
  }

  /** Takes the bytes, which the caller may use again afterwards; resolves when there is room for more. */
  async append(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.byteLength; ) {
      if (this.#failure) throw this.#failure.error;
      const piece = this.#current();
      if (!piece) {
        at += await this.#writeThrough(bytes.subarray(at));
        continue;
      }
      const part = bytes.subarray(at, at + piece.byteLength - this.#used);
      piece.set(part, this.#used);
      this.#used += part.byteLength;
      at += part.byteLength;
      if (this.#used < piece.byteLength) continue;
      if (this.#blocking) {
        this.#writePiece(piece);
        continue;
      }
      this.#enqueue(piece);
      while (this.#queue.length >= ahead && !this.#failure) await this.#change();
    }
  }

  /** Hands everything to the kernel. Not durable yet: see `sync`. */
  async flush(): Promise<void> {
    await this.#drain();
    const piece = this.#piece;
    if (piece !== undefined) {
      try {
        this.#write(piece.subarray(0, this.#used));
      } finally {
        this.#release();
      }
    }
    await this.#flushing;
    if (this.#failure) throw this.#failure.error;
  }

  /** Flushes, and waits until the disk has everything (fdatasync(2)). */
  async sync(): Promise<void> {
    await this.flush();
    await this.#startSync();
    if (this.#failure) throw this.#failure.error;
  }

  /** Waits for what is on its way, drops what is not and gives back the memory; the descriptor too. */
  async close(): Promise<void> {
    this.#failure ??= { error: new Error("closed") };
    while (this.#isWriting) await this.#change();
    await this.#flushing;
    this.#release();
    if (this.#direct !== undefined) closeSync(this.#direct);
    this.#direct = undefined;
    closeSync(this.#plain);
  }

  /** The piece being filled. Undefined where bytes have to go through the cache: none is left, or we are inside of a block. */
  #current(): Buffer | undefined {
    if (this.#piece || this.#eager) return this.#piece;
    if ((this.#written + this.#queued) % blockSize !== 0) return undefined;
    this.#used = 0;
    this.#piece = this.#pieces.take();
    return this.#piece;
  }

  #release(): void {
    if (this.#piece) this.#pieces.give(this.#piece);
    this.#piece = undefined;
    this.#used = 0;
  }

  #writePiece(piece: Buffer): void {
    try {
      const direct = this.#openDirect();
      const count = direct === undefined ? 0 : writeDirect(direct, piece, this.#written);
      this.#written += count;
      // What is left, through the cache: a file system without O_DIRECT, or a short write.
      if (count < piece.byteLength) this.#write(piece.subarray(count));
    } catch (error) {
      this.#failure ??= { error: fromNodeError(error) };
      throw this.#failure.error;
    } finally {
      this.#release();
    }
  }

  #enqueue(piece: Buffer): void {
    this.#piece = undefined;
    this.#queued += piece.byteLength;
    this.#queue.push(piece);
    if (!this.#isWriting) this.#next();
  }

  #next(): void {
    const piece = this.#queue[0];
    if (piece === undefined || this.#failure) {
      this.#isWriting = false;
      for (const rest of this.#queue.splice(0)) this.#pieces.give(rest);
      this.#wake?.();
      return;
    }
    this.#isWriting = true;
    this.#send(piece, 0);
  }

  #send(piece: Buffer, done: number): void {
    // A short write ends inside of a block: what is left of it goes through the cache.
    const fd = done % blockSize === 0 ? (this.#openDirect() ?? this.#plain) : this.#plain;
    write(fd, piece, done, piece.byteLength - done, this.#written, (error, count) => {
      if (error?.code === "EINVAL" && fd === this.#direct) {
        // It could be opened like that, but not written.
        closeSync(fd);
        this.#direct = undefined;
        return this.#send(piece, done);
      }
      if (error) this.#failure ??= { error: fromNodeError(error) };
      else {
        this.#written += count;
        this.#queued -= count;
        if (fd === this.#plain) this.#wentThroughCache(count);
        if (done + count < piece.byteLength) return this.#send(piece, done + count);
        this.#queue.shift();
        this.#pieces.give(piece);
      }
      this.#next();
      this.#wake?.();
    });
  }

  #openDirect(): number | undefined {
    if (this.#triedDirect || !this.#wantsDirect) return this.#direct;
    this.#triedDirect = true;
    try {
      this.#direct = openSync(nodePath(this.#path), constants.O_WRONLY | constants.O_DIRECT);
    } catch {
      // A file system without it (EINVAL), or a file that cannot be opened again: the cache takes it.
    }
    return this.#direct;
  }

  /** Through the page cache, up to the next block's beginning if we are inside of one. */
  async #writeThrough(bytes: Uint8Array): Promise<number> {
    // Never while a piece is on its way: on machines with large pages both could be in the same one.
    await this.#drain();
    const into = this.#eager ? 0 : this.#written % blockSize;
    const part = into === 0 ? bytes : bytes.subarray(0, blockSize - into);
    this.#write(part);
    return part.byteLength;
  }

  #write(bytes: Uint8Array): void {
    try {
      for (let done = 0; done < bytes.byteLength; ) {
        const count = writeSync(this.#plain, bytes, done, bytes.byteLength - done, this.#written);
        done += count;
        this.#written += count;
      }
    } catch (error) {
      this.#failure ??= { error: fromNodeError(error) };
      throw this.#failure.error;
    }
    this.#wentThroughCache(bytes.byteLength);
  }

  #wentThroughCache(count: number): void {
    this.#cached += count;
    if (this.#cached < stride || this.#flushing) return;
    this.#cached = 0;
    void this.#startSync();
  }

  #startSync(): Promise<void> {
    this.#flushing = new Promise((resolve) =>
      fdatasync(this.#plain, (error) => {
        // The kernel reports a failed write to one flush only: the one at the end would not hear of it.
        if (error) this.#failure ??= { error: fromNodeError(error) };
        this.#flushing = undefined;
        resolve();
      }),
    );
    return this.#flushing;
  }

  async #drain(): Promise<void> {
    while (this.#isWriting) await this.#change();
    if (this.#failure) throw this.#failure.error;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

/** Bytes written; none where the file could be opened past the cache but not written so. */
function writeDirect(fd: number, piece: Buffer, position: number): number {
  try {
    return writeSync(fd, piece, 0, piece.byteLength, position);
  } catch (error) {
    if ((error as { code?: string }).code === "EINVAL") return 0;
    throw error;
  }
}
