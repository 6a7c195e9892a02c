/** What is known of an object without reading it. */
export interface ObjectInfo {
  /** Bytes. */
  readonly size: number;
  /**
   * Another one when the bytes are others; compared, never parsed. On S3 it may be a hash of the bytes: who needs to see
   * that the same was written again puts a time or a random number into it.
   */
  readonly etag: string;
  /** When it was last written, milliseconds since the epoch. */
  readonly modified: number;
}

/** A half-open range of bytes; `end` is not part of it. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export interface ObjectContent extends ObjectInfo {
  /** The bytes that were asked for. A `Blob` where the driver can have the kernel send them (sendfile). */
  readonly body: Blob | ReadableStream<Uint8Array>;
}

export interface SmallObject extends ObjectInfo {
  readonly bytes: Uint8Array;
}

/** When a write may happen: only if the key is free, or only over the version with this etag. */
export interface WriteCondition {
  readonly ifNoneMatch?: "*";
  readonly ifMatch?: string;
}

export interface ListOptions {
  /** Only keys after this one. */
  readonly after?: string;
  /** At most this many keys. */
  readonly limit: number;
}

/**
 * Where a registry keeps everything: bytes under keys (see `key.ts` for their grammar), as S3 has it. The registry's
 * nouns are laid out in keys one floor above, so that a driver stays small and cannot get the protocol wrong.
 *
 * Rules for every driver (`conformance.ts` checks them):
 * - A write is atomic: a reader sees the old object or the new one, whole. When `put`, `delete` or `commit` resolves,
 *   the change survives the end of the process.
 * - A reader that holds a body keeps it, even if the object is deleted or replaced meanwhile.
 * - What a call finds is what the last finished write left (no eventual consistency).
 * - `list` is in byte order of keys.
 * Errors: OBJECT_KEY_INVALID, OBJECT_CHANGED (a condition does not hold), REGISTRY_STORAGE (the medium failed),
 * REGISTRY_FULL (it has no room).
 */
export interface ObjectStore extends AsyncDisposable {
  readonly kind: "memory" | "files" | "s3";
  /** No other process writes here while this store is open, so what was read may be remembered. */
  readonly exclusive: boolean;

  head(key: string): Promise<ObjectInfo | undefined>;
  get(key: string, range?: ByteRange): Promise<ObjectContent | undefined>;
  /**
   * An address at which whoever has it can GET the object, ranges of it too, for a number of seconds. Undefined where bytes are had only
   * through this store. Whether there is such an object is not looked at.
   */
  address?(key: string, seconds: number): Promise<string | undefined>;
  /** A small object as one piece. Throws REGISTRY_STORAGE when it is larger than `limit` bytes. */
  read(key: string, limit: number): Promise<SmallObject | undefined>;
  /** Writes a small object; resolves to its etag. Throws OBJECT_CHANGED when the condition does not hold. */
  put(key: string, bytes: Uint8Array, condition?: WriteCondition): Promise<string>;
  /** True when there was something to delete. With an etag, throws OBJECT_CHANGED when the object is another one. */
  delete(key: string, etag?: string): Promise<boolean>;
  /**
   * Gives an object another key, without reading it and without room for a second one. Throws OBJECT_CHANGED when it is not the
   * one with this etag any more. Absent where that cannot be done.
   */
  rename?(key: string, to: string, etag: string): Promise<void>;
  /** Keys that start with `prefix`, which ends with a slash. */
  list(prefix: string, options: ListOptions): Promise<string[]>;

  /** Begins an upload. `label` is kept with it and is up to the caller. */
  createUpload(label: string): Promise<Upload>;
  /** An upload that some process began, as far as it got; undefined when it was committed, aborted or never was. */
  openUpload(id: string): Promise<Upload | undefined>;
  /** Uploads untouched since a time (milliseconds since the epoch), as `dropUpload` takes them, for whoever clears away what was given up. */
  staleUploads(before: number): Promise<string[]>;
  /** Takes away what is left of an upload, be it one that can be opened no more. Idempotent. */
  dropUpload(id: string): Promise<void>;
  /** Rejects with REGISTRY_STORAGE when the medium cannot be used now. One without room can: what is there is served on. */
  check(): Promise<void>;
}

export interface AppendOptions {
  /** Called with each chunk in order; the chunk is only good during the call. */
  readonly onChunk?: (chunk: Uint8Array) => void;
  /** The caller means to commit next, in this process: what was appended need not be kept for others. */
  readonly last?: boolean;
  /**
   * With `last`, for the whole content: the key that will be committed to, so that a driver can store the bytes where they stay, shown by `commit` alone.
   * They cannot be read before that, and when the source fails none may be kept.
   */
  readonly destination?: string;
}

/** An object in the making. One caller at a time; nothing of it is visible under any key before `commit`. */
export interface Upload {
  /** A random UUID: whoever knows it may continue. */
  readonly id: string;
  readonly label: string;
  /** Bytes stored so far; what the next `append` continues. */
  readonly length: number;
  /** Another one when somebody else appended too: equal lengths need not mean equal bytes. */
  readonly version: string;
  /**
   * Appends what the source gives. When the source fails, what came before the failure is kept, `length` says how much,
   * and the source's error is thrown (see `destination` for the exception). A chunk of the source is only good until the next one is asked for.
   */
  append(source: AsyncIterable<Uint8Array>, options?: AppendOptions): Promise<void>;
  /** The bytes so far. After this only `commit` or `abort` may follow. */
  stream(): AsyncIterable<Uint8Array>;
  /** Reads what was appended, whatever happens to the upload later. Absent where nothing can be read before `commit`. */
  reader?(): UploadReader;
  /** Makes the bytes appear under the key, replacing what was there, and ends the upload. */
  commit(key: string): Promise<void>;
  /** Drops everything. Idempotent. */
  abort(): Promise<void>;
}

export interface UploadReader {
  /** From `offset` on, at most `length` of the bytes that were appended when it was called; none at their end. */
  read(offset: number, length: number): Promise<Uint8Array>;
  close(): void;
}
