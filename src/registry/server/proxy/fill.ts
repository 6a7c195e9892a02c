import { isInterruption, StrakeError, throwIfAborted } from "../../../errors/index.ts";
import { createDigester, type Digest, digestAlgorithm } from "../../../oci/index.ts";
import type { OpenedBlob, Repository } from "../../client/index.ts";
import { linkBlob } from "../blobs.ts";
import type { Core } from "../core.ts";
import { spare } from "../gc/condemned.ts";
import { blobKey } from "../layout.ts";
import { encodeRecord } from "../records.ts";
import { bodyCollections } from "../storage/body-collections.ts";
import { storageFault } from "../storage/fault.ts";
import type { UploadReader } from "../storage/object-store.ts";
import { Beginnings } from "./beginnings.ts";
import { cachedBlobKey, fillName } from "./keys.ts";
import { Spool } from "./spool.ts";
import { upstreamFailure } from "./upstream-failure.ts";

/** Bytes handed to a client at once; less when there are many, so that all of them together hold little. */
const largestPiece = 256 << 10;
const smallestPiece = 32 << 10;
const heldTogether = 4 << 20;
/** Bytes of what came before that are read again at once. */
const readBackPiece = 1 << 20;

export interface FillOptions {
  /** The upstream's prefix. */
  readonly prefix: string;
  /** Ours, where the blob will be readable. */
  readonly repository: string;
  readonly digest: Digest;
  /** The upstream's. */
  readonly source: Repository;
  readonly signal: AbortSignal;
  /** Bytes; a blob that is longer is not stored. */
  readonly limit?: number | undefined;
  readonly onBytes: (count: number) => void;
}

/**
 * One download of a blob into the storage, from which any number of clients read while it arrives. It goes at the upstream's
 * speed and to its end, whoever is still reading. Nothing is stored under the blob's name before the digest was compared, and
 * until then every reader is kept waiting for at least the last byte: what is wrong cannot be read to its end. What came of one
 * that was cut short is gone on with (`Beginnings`).
 */
export class Fill {
  readonly digest: Digest;
  /** Resolves when the upstream began to answer. */
  readonly opened: Promise<void>;
  /** Resolves when the blob is stored and readable in the repository. */
  readonly stored: Promise<void>;
  /** Bytes; known once it is open, where the upstream says it. */
  size: number | undefined;
  readonly #options: FillOptions;
  readonly #core: Core;
  #arrived = 0;
  #verified = false;
  #failure: unknown;
  #change = Promise.withResolvers<void>();
  #reader: UploadReader | undefined;
  /** Clients that read, and the download itself. */
  #users = 1;

  constructor(core: Core, options: FillOptions) {
    this.digest = options.digest;
    this.#core = core;
    this.#options = options;
    const opened = Promise.withResolvers<void>();
    this.opened = opened.promise;
    this.stored = this.#run(opened.resolve).catch((error) => {
      this.#failure = error;
      opened.reject(error);
      throw error;
    });
    this.stored.then(
      () => this.#wake(),
      () => this.#wake(),
    );
    this.stored.catch(() => {});
    this.opened.catch(() => {});
    void this.stored.then(
      () => this.#leave(),
      () => this.#leave(),
    );
  }

  /** The blob, or the range of it, as it arrives. To be called once `opened` has resolved. */
  stream(start = 0, end = Number.POSITIVE_INFINITY): ReadableStream<Uint8Array> {
    let offset = start;
    let left = false;
    const leave = () => {
      if (!left) this.#leave();
      left = true;
    };
    this.#users++;
    const pull = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
      try {
        for (;;) {
          const ready = Math.min(this.#readable(), end) - offset;
          if (ready > 0) {
            const piece = await this.#reader!.read(offset, Math.min(ready, this.#pieceSize()));
            if (piece.byteLength === 0) throw storageFault("what just arrived cannot be read");
            offset += piece.byteLength;
            controller.enqueue(piece);
            if (offset < end) return;
          }
          if (offset >= end || (this.#verified && offset >= this.#arrived)) {
            controller.close();
            leave();
            return;
          }
          if (this.#failure) throw this.#failure;
          await this.#change.promise;
        }
      } catch (error) {
        leave();
        // The connection is broken off: the client must not take what it has for the whole.
        controller.error(error);
      }
    };
    // Nothing is read before the client takes it.
    return new ReadableStream({ pull, cancel: leave }, { highWaterMark: 0 });
  }

  #pieceSize(): number {
    return Math.max(smallestPiece, Math.min(largestPiece, Math.floor(heldTogether / this.#users)));
  }

  /** Bytes that may be handed out. */
  #readable(): number {
    if (this.#verified) return this.#arrived;
    return Math.max(0, Math.min(this.#arrived, this.size ?? this.#arrived) - 1);
  }

  async #run(opened: () => void): Promise<void> {
    const { source, digest, prefix, repository, signal, onBytes } = this.#options;
    const limit = this.#options.limit ?? Number.POSITIVE_INFINITY;
    const { objects } = this.#core;
    const tooLong = () =>
      new StrakeError("BLOB_TOO_LARGE", `${digest} of ${source.name} is longer than all that is kept of it`, {
        hint: "raise the upstream's maxBytes",
      });
    const beginnings = Beginnings.of(objects);
    const fill = fillName(prefix, digest);
    let upload = await beginnings.find(fill);
    let blob: OpenedBlob | undefined;
    try {
      blob = await source.fetchBlob(digest, { signal, start: upload?.length ?? 0 });
      if ((blob.size ?? 0) > limit) throw tooLong();
      if (upload && upload.length !== blob.start) {
        await upload.abort();
        upload = undefined;
      }
      upload ??= await objects.createUpload(JSON.stringify({ repository, fill }));
      const spool = upload.reader ? undefined : new Spool();
      this.#reader = spool ?? upload.reader!();
      this.size = blob.size;
      opened();
      const digester = createDigester(digestAlgorithm(digest));
      let actual: Digest | undefined;
      const onChunk = (chunk: Uint8Array) => {
        if (this.#arrived + chunk.byteLength > limit) throw tooLong();
        digester.update(chunk);
        this.#arrived += chunk.byteLength;
        // Clients need not wait for the disk, which has still to take the last of it.
        if (this.#arrived === this.size) actual = digester.digest();
        this.#verified = actual === digest;
        this.#wake();
      };
      await readBack(this.#reader, { size: blob.start, signal, onChunk });
      const onNew = (chunk: Uint8Array) => {
        spool?.write(chunk);
        onBytes(chunk.byteLength);
        onChunk(chunk);
      };
      await upload.append(blob.body, { onChunk: onNew, last: true, destination: blobKey(digest) });
      actual ??= digester.digest();
      if (actual !== digest) throw mismatch(source.name, { digest, actual, start: blob.start });
      this.#verified = true;
      this.#wake();
      await spare(objects, digest);
      await upload.commit(blobKey(digest));
    } catch (error) {
      await blob?.body.return(undefined);
      if (upload)
        await (isOfTheWay(error) ? beginnings.giveBack(fill, upload) : upload.abort()).catch(() => {});
      throw error;
    }
    const record = { size: this.#arrived, at: Date.now() };
    await objects.put(cachedBlobKey(prefix, digest), encodeRecord(record));
    await linkBlob(this.#core, repository, digest);
  }

  #wake(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }

  #leave(): void {
    this.#users--;
    if (this.#users > 0) return;
    this.#reader?.close();
    this.#reader = undefined;
  }
}

/** Whether neither the bytes nor our storage are to blame, so that what came is worth keeping: the upstream, or we, do not go on now. */
function isOfTheWay(error: unknown): boolean {
  const failure = upstreamFailure(error);
  if (failure === "gone" || failure === "forbidden") return true;
  return isInterruption(error) && (failure === "away" || (error as StrakeError).code === "CANCELED");
}

/** What the upload had before, hashed and shown as if it came now. */
async function readBack(
  reader: UploadReader,
  {
    size,
    signal,
    onChunk,
  }: { readonly size: number; readonly signal: AbortSignal; readonly onChunk: (chunk: Uint8Array) => void },
): Promise<void> {
  for (let at = 0; at < size; ) {
    throwIfAborted(signal);
    const piece = await reader.read(at, Math.min(size - at, readBackPiece));
    if (piece.byteLength === 0)
      throw storageFault("what came of a blob before it was cut short cannot be read");
    at += piece.byteLength;
    onChunk(piece);
    bodyCollections.passed(piece.byteLength);
  }
}

function mismatch(
  from: string,
  { digest, actual, start }: { readonly digest: Digest; readonly actual: Digest; readonly start: number },
): StrakeError {
  const how = start === 0 ? "" : `, of which the first ${start} bytes had come before it was cut short,`;
  return new StrakeError("BLOB_MISMATCH", `${from} sent ${actual}${how} for ${digest}`, {
    hint:
      start === 0
        ? "the content was changed or damaged at the upstream or on its way"
        : "the content was changed or damaged at the upstream, on its way or here; it is fetched anew when it is asked for again",
  });
}
