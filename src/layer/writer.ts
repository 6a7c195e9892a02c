import { closeSync, constants, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { IndexBuilder } from "../erofs/index.ts";
import { StrakeError } from "../errors/index.ts";
import { type Digest, digestHex } from "../oci/index.ts";
import type { Layer, LayerTransaction } from "../store/index.ts";
import { Collections, fromNodeError, nodePath, writeAll } from "../sys/index.ts";
import {
  type EntryHeader,
  endOfArchive,
  HeaderEncoder,
  maxHeaderSize,
  paddingOf,
  quote,
  type TarLimits,
  TarScanner,
} from "../tar/index.ts";
import { IndexMemory } from "./index-memory.ts";
import { TarFile } from "./tar-file.ts";
import { TarStream } from "./tar-stream.ts";

/** From so many entries on an index takes megabytes. */
const manyEntries = 30_000;

export interface LayerWriterOptions {
  readonly limits?: TarLimits;
}

export interface CommitOptions {
  /** Fails with `LAYER_MISMATCH` when the tar has another digest. */
  readonly expectedDiffID?: Digest;
  /** Fails with `LAYER_MISMATCH` when the tar has another size. */
  readonly expectedSize?: number;
}

/**
 * Makes one layer: its tar, hash and index come from one pass over the bytes. Either give it a tar that exists
 * (`writeChunk`) or let it make one (`addEntry`, `addFile`, `addStream`), not both. End it with `commit` or `abort`;
 * after an error only `abort` is left.
 *
 * Everything but `writeChunk`, `addStream` and `commit` is synchronous: measured on 20,000 files of together 92 MB, a promise a
 * file costs more than the file.
 */
export class LayerWriter {
  readonly #transaction: LayerTransaction;
  readonly #file: TarFile;
  /** Of a file in the transaction's folder, without a name there. */
  readonly #memory: IndexMemory;
  readonly #index: IndexBuilder;
  readonly #encoder = new HeaderEncoder();
  readonly #scanner: TarScanner;
  /** A tar that is given takes this way, one that is made goes through `#file`. */
  #stream: TarStream | undefined;
  #mode: "new" | "tar" | "entries" | "failed" | "ended" = "new";
  #entries = 0;
  #isAborted = false;

  constructor(transaction: LayerTransaction, options: LayerWriterOptions = {}) {
    this.#transaction = transaction;
    this.#memory = new IndexMemory(join(transaction.dir, "tables"));
    this.#index = new IndexBuilder(this.#memory);
    this.#scanner = new TarScanner({
      limits: options.limits,
      onEntry: (entry) => {
        this.#index.add(entry);
        this.#entries++;
      },
    });
    this.#file = new TarFile(transaction.tarPath, { isThere: transaction.tarSize > 0 });
  }

  /** Bytes of the tar so far. */
  get size(): number {
    return this.#stream?.length ?? this.#file.length;
  }

  get entries(): number {
    return this.#entries;
  }

  /**
   * Takes in the beginning of the tar that the transaction has already, chunk by chunk, and gives the tar's length so far after each. To be run through
   * before the first `writeChunk`. Errors: `TAR_*`, `LAYER_ENTRY_INVALID`.
   */
  async *readBack(): AsyncGenerator<number, void, undefined> {
    const { tarPath, tarSize } = this.#transaction;
    if (tarSize === 0) return;
    this.#stream = new TarStream(tarPath, tarSize);
    for await (const bytes of this.#stream.readBack()) {
      this.#during("tar", () => this.#scanner.write(bytes));
      yield this.size;
    }
  }

  /**
   * The next bytes of a tar, which is stored as it comes; resolves when there is room for more. The caller may use them again then.
   * Errors: `TAR_*`, `LAYER_ENTRY_INVALID`, `SYS_EXHAUSTED`.
   */
  async writeChunk(bytes: Uint8Array): Promise<void> {
    this.#during("tar", () => this.#scanner.write(bytes));
    try {
      this.#stream ??= new TarStream(this.#transaction.tarPath, 0);
      await this.#stream.append(bytes);
    } catch (error) {
      if (this.#mode === "tar") this.#mode = "failed";
      throw error;
    }
  }

  /** Adds an entry whose content, if it has any, is at hand. */
  addEntry(header: EntryHeader, content?: Uint8Array): void {
    this.#during("entries", () => {
      const length = content?.length ?? 0;
      if (length !== header.size) throw changed(header.path, `${length} bytes, not ${header.size}`);
      this.#header(header);
      if (content) this.#file.append(content);
      this.#file.appendZeros(paddingOf(length));
    });
  }

  /**
   * Adds a file of the host. `source`: its path, of which the last component is not followed, or an open descriptor
   * (read from its start; stays open). Exactly `header.size` bytes must be there, else `LAYER_SOURCE_CHANGED`: a tar
   * that promises one size and holds another is no tar.
   */
  addFile(header: EntryHeader, source: string | Buffer | number): void {
    this.#during("entries", () => {
      const fd = typeof source === "number" ? source : open(source, header.path);
      try {
        this.#copy(header, fd);
      } finally {
        if (typeof source !== "number") closeSync(fd);
      }
    });
  }

  /** Adds an entry whose content comes bit by bit; exactly `header.size` bytes, else `LAYER_SOURCE_CHANGED`. */
  async addStream(header: EntryHeader, content: AsyncIterable<Uint8Array>): Promise<void> {
    this.#during("entries", () => this.#header(header));
    let length = 0;
    try {
      for await (const chunk of content) {
        length += chunk.length;
        if (length > header.size) break;
        this.#during("entries", () => this.#file.append(chunk));
      }
      if (length !== header.size) throw changed(header.path, describe(length, header.size));
      this.#during("entries", () => this.#file.appendZeros(paddingOf(length)));
    } catch (error) {
      this.#mode = "failed";
      throw error;
    }
  }

  /** Completes tar and index and puts the layer into the store, which makes it durable. On error nothing is left. */
  async commit(options: CommitOptions = {}): Promise<Layer> {
    try {
      if (this.#mode === "failed" || this.#mode === "ended")
        throw new StrakeError("INTERNAL", `a layer was committed that has ${this.#mode}`);
      if (this.#mode === "tar") this.#scanner.end();
      // An empty stream is no tar; a layer without entries is the end mark alone.
      else this.#file.append(endOfArchive);
      this.#mode = "ended";
      const diffID = await (this.#stream ?? this.#file).finish();
      // Its tables are gone.
      if (this.#isAborted) throw new StrakeError("INTERNAL", "a layer was given up while it was committed");
      const { size } = this;
      verify(diffID, size, options);
      // What the entries left behind makes room for the index's tables (10 ms).
      if (this.#entries > manyEntries) Bun.gc(true);
      writeIndex(this.#transaction.indexPath, (write) =>
        this.#index.write(write, {
          tarSize: size,
          uuid: Buffer.from(digestHex(diffID).slice(0, 32), "hex"),
          read: (offset, length) => this.#file.read(offset, length),
        }),
      );
      this.#memory.close();
      await this.#stream?.close();
      this.#file.close();
      return await this.#transaction.commit(diffID, { size, entries: this.#entries });
    } catch (error) {
      this.abort();
      throw error;
    }
  }

  /** Drops everything. Idempotent; does nothing after a commit. */
  abort(): void {
    // What it still writes goes to a file without a name.
    void this.#end();
    this.#transaction.abort();
  }

  /** Ends it as `abort`; what came of a tar that is to be resumed is with the kernel then and stays for the next writer. */
  async suspend(): Promise<void> {
    // Of a disk that failed what it took counts.
    await this.#stream?.flush().catch(() => {});
    await this.#end();
    this.#transaction.suspend();
  }

  #end(): Promise<void> | undefined {
    this.#mode = "ended";
    this.#isAborted = true;
    const closed = this.#stream?.close();
    this.#file.close();
    this.#memory.close();
    return closed;
  }

  #during(mode: "tar" | "entries", work: () => void): void {
    if (this.#mode !== mode && this.#mode !== "new")
      throw new StrakeError("INTERNAL", `a layer's writer that has ${this.#mode} was given more ${mode}`);
    this.#mode = "failed";
    work();
    this.#mode = mode;
  }

  /** Writes a header and tells the index where content will stand. */
  #header(header: EntryHeader): void {
    const headerOffset = this.#file.length;
    const most = maxHeaderSize(header);
    if (most <= this.#file.capacity) {
      const at = this.#file.reserve(most);
      this.#file.advance(this.#encoder.encodeInto(this.#file.buffer, at, header));
    } else {
      const bytes = Buffer.alloc(most);
      this.#file.append(bytes.subarray(0, this.#encoder.encodeInto(bytes, 0, header)));
    }
    this.#index.add({ ...header, headerOffset, dataOffset: this.#file.length, storedSize: header.size });
    this.#entries++;
  }

  #copy(header: EntryHeader, fd: number): void {
    this.#header(header);
    const { size, path } = header;
    let done = 0;
    // One byte more than expected is asked for: a read that stops at `size` has then seen the end of the file.
    while (done <= size) {
      const want = Math.min(size + 1 - done, this.#file.capacity);
      const at = this.#file.reserve(Math.min(want, 64 * 1024));
      const count = read(
        fd,
        this.#file.buffer,
        { at, length: Math.min(want, this.#file.free), position: done },
        path,
      );
      if (count === 0) break;
      done += count;
      if (done > size) break;
      this.#file.advance(count);
      // A regular file gives less than asked for only at its end, so the next read would tell nothing new.
      if (done === size && count < want && this.#file.free > 0) break;
    }
    if (done !== size) throw changed(path, describe(done, size));
    this.#file.appendZeros(paddingOf(size));
  }
}

function open(path: string | Buffer, shown: string): number {
  try {
    // O_NONBLOCK: a fifo put in the file's place must not make us wait for its writer.
    return openSync(
      typeof path === "string" ? nodePath(path) : path,
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    );
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "ENOENT" || code === "ELOOP" || code === "ENXIO")
      throw changed(shown, "it is gone or no file now");
    throw fromNodeError(error);
  }
}

function read(
  fd: number,
  into: Buffer,
  place: { at: number; length: number; position: number },
  shown: string,
): number {
  try {
    return readSync(fd, into, place.at, place.length, place.position);
  } catch (error) {
    // A fifo, socket or directory cannot be read from a position.
    if (["ESPIPE", "EISDIR", "EAGAIN"].includes((error as { code: string }).code))
      throw changed(shown, "it is no file now");
    throw fromNodeError(error);
  }
}

function writeIndex(path: string, make: (write: (bytes: Uint8Array) => void) => void): void {
  const fd = attempt(() => openSync(path, "wx", 0o600));
  // Each KiB of an index leaves 2 KiB behind.
  const collections = new Collections({ every: 512 << 10, fullEvery: 32 });
  try {
    make((bytes) => {
      collections.passed(bytes.length);
      attempt(() => writeAll(fd, bytes));
    });
  } finally {
    closeSync(fd);
  }
}

function attempt<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw fromNodeError(error);
  }
}

function verify(diffID: Digest, size: number, { expectedDiffID, expectedSize }: CommitOptions): void {
  if (expectedSize !== undefined && size !== expectedSize)
    throw new StrakeError(
      "LAYER_MISMATCH",
      `the layer's tar has ${size} bytes where ${expectedSize} were promised`,
    );
  if (expectedDiffID !== undefined && diffID !== expectedDiffID)
    throw new StrakeError(
      "LAYER_MISMATCH",
      `the layer's tar is ${diffID} where ${expectedDiffID} was promised`,
    );
}

function describe(found: number, expected: number): string {
  return found > expected
    ? `more than the ${expected} bytes it had`
    : `${found} of the ${expected} bytes it had`;
}

function changed(path: string, found: string): StrakeError {
  return new StrakeError("LAYER_SOURCE_CHANGED", `${quote(path)} changed while it was copied: ${found}`, {
    hint: "try again when nothing writes to it",
  });
}
