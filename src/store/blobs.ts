import { constants, createReadStream, fchmodSync, openSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { isInterruption, StrakeError, throwIfAborted } from "../errors/index.ts";
import { createDigester, type Digest, digestAlgorithm } from "../oci/index.ts";
import { fromNodeError, fsyncDirectory, StreamFile } from "../sys/index.ts";
import type { Database } from "./database.ts";
import { writeError } from "./disk.ts";
import { blobPath, type Layout } from "./layout.ts";
import type { Lease } from "./lease.ts";
import { type PartialBlob, PartialBlobs } from "./partial-blobs.ts";
import { temporaryName } from "./temporary.ts";

export interface BlobInfo {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

export interface PutBlobOptions {
  /** What keeps the blob until something lasting refers to it. */
  readonly lease: Lease;
  /** Refuse anything else (BLOB_MISMATCH). */
  readonly digest?: Digest;
  /** Refuse anything else (BLOB_MISMATCH); a longer source is cut off at once. */
  readonly size?: number;
  readonly signal?: AbortSignal;
  /** Called with the bytes received so far. */
  readonly onProgress?: (bytes: number) => void;
  /** With `digest`: what came before the source failed or was canceled is kept, for `takePartial`. */
  readonly resumable?: boolean;
}

/** Largest blob that `read` takes into memory unless told otherwise, in bytes. */
const readLimit = 16 << 20;

/** Content by digest: manifests, configs and compressed layers as they came. A blob that exists is complete. */
export class Blobs {
  readonly #database: Database;
  readonly #layout: Layout;
  readonly #partials: PartialBlobs;

  constructor(database: Database, layout: Layout) {
    this.#database = database;
    this.#layout = layout;
    this.#partials = new PartialBlobs(layout.work);
  }

  stat(digest: Digest): BlobInfo | undefined {
    return this.#database.get<BlobInfo>("select digest, size from blobs where digest = ?", digest);
  }

  has(digest: Digest): boolean {
    return this.stat(digest) !== undefined;
  }

  /** The file that holds the blob, or would. Read-only to everybody. */
  path(digest: Digest): string {
    return blobPath(this.#layout, digest);
  }

  list(): BlobInfo[] {
    return this.#database.all<BlobInfo>("select digest, size from blobs order by digest");
  }

  /** The whole blob. Errors: BLOB_NOT_FOUND, BLOB_TOO_LARGE (`limit` in bytes). */
  async read(digest: Digest, options: { readonly limit?: number } = {}): Promise<Uint8Array> {
    return this.readSync(digest, options);
  }

  /** As `read`, for small documents on the path of a cached build. */
  readSync(digest: Digest, options: { readonly limit?: number } = {}): Uint8Array {
    const { size } = this.#find(digest);
    const limit = options.limit ?? readLimit;
    if (size > limit)
      throw new StrakeError(
        "BLOB_TOO_LARGE",
        `${digest} has ${size} bytes; at most ${limit} are read at once`,
      );
    try {
      return readFileSync(this.path(digest));
    } catch (error) {
      throw fromNodeError(error);
    }
  }

  /** The bytes from `start` (default 0) up to and not including `end`. Errors: BLOB_NOT_FOUND. */
  stream(
    digest: Digest,
    range: { readonly start?: number; readonly end?: number } = {},
  ): AsyncIterable<Uint8Array> {
    this.#find(digest);
    const start = range.start ?? 0;
    if (range.end !== undefined && range.end <= start) return (async function* () {})();
    const end = range.end === undefined ? {} : { end: range.end - 1 };
    return createReadStream(this.path(digest), { start, ...end, highWaterMark: 256 << 10 });
  }

  /**
   * Stores content and keeps it with the lease. Atomic: on any error nothing is left, unless it is `resumable`. When the promised digest is
   * there already, the source is not read.
   * Errors: BLOB_MISMATCH, STORE_FULL, CANCELED, and what the source throws.
   */
  async put(source: Uint8Array | AsyncIterable<Uint8Array>, options: PutBlobOptions): Promise<BlobInfo> {
    const { digest, lease } = options;
    if (digest !== undefined && lease.add("blob", digest)) {
      const known = this.stat(digest)!;
      if (options.size !== undefined && options.size !== known.size)
        throw wrongSize(options.size, known.size);
      if (source instanceof Uint8Array && source.byteLength !== known.size)
        throw wrongSize(known.size, source.byteLength);
      return known;
    }
    const algorithm = digest === undefined ? "sha256" : digestAlgorithm(digest);
    const isResumable = digest !== undefined && options.resumable === true;
    const temporary = isResumable
      ? this.#partials.begin(digest)
      : join(this.#layout.blobs, algorithm, temporaryName());
    try {
      const received = await writeVerified(source, temporary, options);
      this.#publish(temporary, received, lease);
      this.#partials.forget(temporary);
      return received;
    } catch (error) {
      if (isResumable && isInterruption(error)) this.#partials.keep(temporary);
      else this.#partials.forget(temporary);
      throw writeError(error);
    }
  }

  /** What came of a blob in an earlier `put` of it that was interrupted, here or in a process that is gone. */
  takePartial(digest: Digest): PartialBlob | undefined {
    return this.#partials.take(digest);
  }

  /**
   * The rename and the row are one write, so collection never sees one without the other. If the commit itself fails
   * (full disk), the file has no row and is taken back.
   */
  #publish(temporary: string, blob: BlobInfo, lease: Lease): void {
    const path = this.path(blob.digest);
    try {
      this.#database.write(() => {
        if (lease.add("blob", blob.digest)) {
          rmSync(temporary);
          return;
        }
        renameSync(temporary, path);
        fsyncDirectory(dirname(path));
        this.#database.run("insert into blobs values (?, ?, ?)", blob.digest, blob.size, Date.now());
      });
    } catch (error) {
      this.#database.rehearse(() => {
        if (!this.has(blob.digest)) rmSync(path, { force: true });
      });
      throw error;
    }
  }

  #find(digest: Digest): BlobInfo {
    const info = this.stat(digest);
    if (info) return info;
    throw new StrakeError("BLOB_NOT_FOUND", `${digest} is not in the store`);
  }
}

/** Writes the source to a new file, synced; hashes and counts on the way. */
async function writeVerified(
  source: Uint8Array | AsyncIterable<Uint8Array>,
  path: string,
  options: PutBlobOptions,
): Promise<BlobInfo> {
  const { digest: promised, size: promisedSize } = options;
  const digester = createDigester(promised === undefined ? "sha256" : digestAlgorithm(promised));
  const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  const file = new StreamFile(fd, path);
  try {
    let size = 0;
    for await (const chunk of source instanceof Uint8Array ? [source] : source) {
      throwIfAborted(options.signal);
      size += chunk.byteLength;
      if (promisedSize !== undefined && size > promisedSize) throw wrongSize(promisedSize, size);
      digester.update(chunk);
      await file.append(chunk);
      options.onProgress?.(size);
    }
    throwIfAborted(options.signal);
    if (promisedSize !== undefined && size !== promisedSize) throw wrongSize(promisedSize, size);
    const digest = digester.digest();
    if (promised !== undefined && digest !== promised)
      throw new StrakeError("BLOB_MISMATCH", `content with digest ${digest} was promised as ${promised}`, {
        hint: "the content was changed or damaged on its way; try again or ask its sender",
      });
    // 0444: a blob never changes, not even by mistake.
    fchmodSync(fd, 0o444);
    await file.sync();
    return { digest, size };
  } catch (error) {
    if (options.resumable) await file.flush().catch(() => {});
    throw error;
  } finally {
    await file.close();
  }
}

function wrongSize(promised: number, actual: number): StrakeError {
  const cut = actual > promised ? "at least " : "";
  return new StrakeError(
    "BLOB_MISMATCH",
    `content of ${cut}${actual} bytes was promised as ${promised} bytes`,
  );
}
