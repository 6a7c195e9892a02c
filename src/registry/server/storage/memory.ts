import { checkCondition, tooLarge } from "./fault.ts";
import { checkKey, checkPrefix } from "./key.ts";
import type {
  AppendOptions,
  ByteRange,
  ListOptions,
  ObjectContent,
  ObjectInfo,
  ObjectStore,
  SmallObject,
  Upload,
  UploadReader,
  WriteCondition,
} from "./object-store.ts";
import { lowerBound } from "./sorted.ts";

interface Stored extends ObjectInfo {
  readonly bytes: Blob;
}

/** Objects in this process's memory: for tests, and for registries that live as long as a job. */
export class MemoryStore implements ObjectStore {
  readonly kind = "memory";
  readonly exclusive = true;
  readonly #objects = new Map<string, Stored>();
  readonly #uploads = new Map<string, MemoryUpload>();
  /** Keys in order; made again when one was added or taken. */
  #sorted: string[] | undefined;
  #generation = 0;

  async head(key: string): Promise<ObjectInfo | undefined> {
    return this.#objects.get(checkKey(key));
  }

  async get(key: string, range?: ByteRange): Promise<ObjectContent | undefined> {
    const stored = this.#objects.get(checkKey(key));
    if (!stored) return undefined;
    return { ...info(stored), body: range ? stored.bytes.slice(range.start, range.end) : stored.bytes };
  }

  async read(key: string, limit: number): Promise<SmallObject | undefined> {
    const stored = this.#objects.get(checkKey(key));
    if (!stored) return undefined;
    if (stored.size > limit) throw tooLarge(key, stored.size, limit);
    return { ...info(stored), bytes: new Uint8Array(await stored.bytes.arrayBuffer()) };
  }

  async put(key: string, bytes: Uint8Array, condition?: WriteCondition): Promise<string> {
    checkCondition(checkKey(key), this.#objects.get(key)?.etag, condition);
    return this.#set(key, new Blob([bytes]));
  }

  async delete(key: string, etag?: string): Promise<boolean> {
    const stored = this.#objects.get(checkKey(key));
    if (!stored) return false;
    checkCondition(key, stored.etag, etag === undefined ? undefined : { ifMatch: etag });
    this.#sorted = undefined;
    return this.#objects.delete(key);
  }

  async list(prefix: string, { after = "", limit }: ListOptions): Promise<string[]> {
    checkPrefix(prefix);
    this.#sorted ??= [...this.#objects.keys()].sort();
    const found: string[] = [];
    for (let i = lowerBound(this.#sorted, after > prefix ? after : prefix); i < this.#sorted.length; i++) {
      const key = this.#sorted[i]!;
      if (!key.startsWith(prefix) || found.length >= limit) break;
      if (key !== after) found.push(key);
    }
    return found;
  }

  async createUpload(label: string): Promise<Upload> {
    const upload = new MemoryUpload(label, (key, bytes) => this.#set(checkKey(key), bytes), this.#uploads);
    this.#uploads.set(upload.id, upload);
    return upload;
  }

  async openUpload(id: string): Promise<Upload | undefined> {
    return this.#uploads.get(id);
  }

  async staleUploads(before: number): Promise<string[]> {
    return [...this.#uploads.values()].filter((upload) => upload.touched < before).map((upload) => upload.id);
  }

  async dropUpload(id: string): Promise<void> {
    await (await this.openUpload(id))?.abort();
  }

  async check(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.#objects.clear();
    this.#uploads.clear();
    this.#sorted = undefined;
  }

  #set(key: string, bytes: Blob): string {
    const etag = String(++this.#generation);
    if (!this.#objects.has(key)) this.#sorted = undefined;
    this.#objects.set(key, { bytes, size: bytes.size, etag, modified: Date.now() });
    return etag;
  }
}

class MemoryUpload implements Upload {
  readonly id = crypto.randomUUID();
  readonly label: string;
  length = 0;
  readonly version = "";
  touched = Date.now();
  #chunks: Uint8Array[] = [];
  readonly #put: (key: string, bytes: Blob) => void;
  readonly #registered: Map<string, MemoryUpload>;

  constructor(label: string, put: (key: string, bytes: Blob) => void, registered: Map<string, MemoryUpload>) {
    this.label = label;
    this.#put = put;
    this.#registered = registered;
  }

  async append(source: AsyncIterable<Uint8Array>, { onChunk }: AppendOptions = {}): Promise<void> {
    for await (const chunk of source) {
      onChunk?.(chunk);
      // The chunk belongs to the source, which may use it again.
      this.#chunks.push(chunk.slice());
      this.length += chunk.byteLength;
      this.touched = Date.now();
    }
  }

  async *stream(): AsyncIterable<Uint8Array> {
    yield* this.#chunks;
  }

  reader(): UploadReader {
    const chunks = this.#chunks;
    return {
      async read(offset, length) {
        let start = 0;
        for (const chunk of chunks) {
          if (offset < start + chunk.byteLength)
            return chunk.subarray(offset - start, Math.min(chunk.byteLength, offset - start + length));
          start += chunk.byteLength;
        }
        return new Uint8Array();
      },
      close: () => {},
    };
  }

  async commit(key: string): Promise<void> {
    this.#put(key, new Blob(this.#chunks as Uint8Array<ArrayBuffer>[]));
    await this.abort();
  }

  async abort(): Promise<void> {
    this.#chunks = [];
    this.#registered.delete(this.id);
  }
}

function info({ size, etag, modified }: ObjectInfo): ObjectInfo {
  return { size, etag, modified };
}
