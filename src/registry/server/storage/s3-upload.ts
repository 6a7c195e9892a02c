import { StrakeError } from "../../../errors/index.ts";
import { bodyCollections } from "./body-collections.ts";
import { objectChanged, storageFault, uploadGone } from "./fault.ts";
import { checkKey } from "./key.ts";
import type { AppendOptions, ObjectStore, Upload } from "./object-store.ts";
import type { S3Client } from "./s3-client.ts";
import { Part, partSize } from "./s3-part.ts";
import { PartLine, type StoredPart } from "./s3-part-line.ts";
import { escapeXML, unescapeXML } from "./s3-xml.ts";

/** No key of the registry starts with an underscore. */
export const uploadsPrefix = "_uploads/";
/** Where parts may be sent before all of them are there: a collection looks here for what was left. */
export const destinationsPrefix = "blobs/";

/** Thrown within: S3 has no such multipart upload. */
const multipartGone = new Error("there is no such multipart upload");

/** Parts of uploads that nobody holds any more. */
const forgotten = new FinalizationRegistry<Part>((part) => part.release());

/** All there is to know of an upload; written only over the version that was read. */
interface State {
  readonly label: string;
  /** Of the multipart upload, once there was a full part. */
  readonly multipart?: string;
  readonly parts: readonly StoredPart[];
  /** Bytes after the last part, in an object of their own named by this number: too few for a part so far. */
  readonly tail?: { readonly number: number; readonly size: number };
  /** The parts were put together under `data`. */
  readonly sealed?: boolean;
}

/**
 * An S3 multipart upload that any replica can continue: full parts are S3's, the rest and the list of parts are objects
 * beside it. `commit` copies within the server, where the digest that names a blob is known only at its end. Where it is known from the start,
 * the parts go to the blob's own key, which shows nothing before the multipart upload is completed. Such parts are of one call in one process,
 * and no state ever names them.
 */
export class S3Upload implements Upload {
  readonly id: string;
  readonly #store: ObjectStore;
  readonly #client: S3Client;
  readonly #copyLimit: number;
  #state: State;
  #etag: string;
  /** What comes after the stored parts, when this object has it. */
  #part: Part | undefined;
  /** The beginning of the multipart upload. */
  #begun: Promise<string> | undefined;
  /** The key that the parts are for, when they are sent there at once. */
  #destination: string | undefined;

  private constructor(
    store: ObjectStore,
    client: S3Client,
    { id, state, etag, copyLimit }: { id: string; state: State; etag: string; copyLimit: number },
  ) {
    this.id = id;
    this.#store = store;
    this.#client = client;
    this.#copyLimit = copyLimit;
    this.#state = state;
    this.#etag = etag;
  }

  static async create(
    store: ObjectStore,
    client: S3Client,
    { label, copyLimit }: { label: string; copyLimit: number },
  ): Promise<S3Upload> {
    const id = crypto.randomUUID();
    const upload = new S3Upload(store, client, { id, state: { label, parts: [] }, etag: "", copyLimit });
    await upload.#save(upload.#state);
    return upload;
  }

  static async open(
    store: ObjectStore,
    client: S3Client,
    { id, copyLimit }: { id: string; copyLimit: number },
  ): Promise<S3Upload | undefined> {
    const found = await store.read(`${uploadsPrefix}${id}/state`, 16 << 20);
    if (!found) return undefined;
    const state = JSON.parse(new TextDecoder().decode(found.bytes)) as State;
    return new S3Upload(store, client, { id, state, etag: found.etag, copyLimit });
  }

  get label(): string {
    return this.#state.label;
  }

  get length(): number {
    return this.#partsLength + (this.#part?.length ?? this.#state.tail?.size ?? 0);
  }

  get version(): string {
    return this.#etag;
  }

  get #partsLength(): number {
    return this.#state.parts.reduce((sum, part) => sum + part.size, 0);
  }

  async append(
    source: AsyncIterable<Uint8Array>,
    { onChunk, last, destination }: AppendOptions = {},
  ): Promise<void> {
    if (this.#state.sealed) throw uploadGone(this.id);
    const isFresh = this.length === 0 && this.#state.multipart === undefined;
    if (last && isFresh && destination?.startsWith(destinationsPrefix))
      this.#destination = checkKey(destination);
    let part = await this.#open();
    const line = this.#line();
    const next = async () => {
      part = this.#hold(await line.exchange(part));
    };
    try {
      try {
        for await (const chunk of source) {
          for (let taken = 0; taken < chunk.byteLength; ) {
            taken += part.write(chunk.subarray(taken));
            if (part.isFull) await next();
          }
          onChunk?.(chunk);
          bodyCollections.passed(chunk.byteLength);
        }
        const hasParts = this.#state.parts.length > 0 || !line.isUnused;
        if (last && hasParts && part.length > 0) await next();
      } finally {
        await this.#settle(line);
      }
    } catch (error) {
      const isGone = error instanceof StrakeError && error.code === "UPLOAD_GONE";
      if (this.#destination !== undefined) await this.#forget();
      else if (!isGone) await this.#persist();
      throw error;
    }
    if (!last) await this.#persist();
  }

  async *stream(): AsyncIterable<Uint8Array> {
    if (this.#state.parts.length === 0) {
      const part = await this.#open();
      yield* part.blob.stream();
      return;
    }
    if (this.#destination !== undefined)
      throw storageFault("parts of a blob cannot be read before it is whole");
    await this.#seal();
    const found = await this.#store.get(this.#key("data"));
    if (!found) return await this.#lost();
    yield* new Response(found.body).body ?? [];
  }

  async commit(key: string): Promise<void> {
    checkKey(key);
    if (this.#state.parts.length === 0) {
      await this.#client.request("PUT", key, { body: await this.#open() });
    } else if (this.#destination !== undefined) {
      // Whoever sent these bytes said where they belong: under another key they could be had as what they are not.
      if (key !== this.#destination) throw storageFault("an upload was meant for another key");
      const { multipart, parts } = this.#state;
      if (!(await this.#complete(key, multipart!, parts))) await this.#lost();
      this.#state = { label: this.label, parts: [] };
    } else {
      await this.#seal();
      await this.#copy(this.#key("data"), key, this.length);
    }
    await this.abort();
  }

  async abort(): Promise<void> {
    this.#release();
    const { multipart, sealed, tail } = this.#state;
    if (multipart && !sealed) await this.#abortMultipart(multipart);
    if (sealed) await this.#remove(this.#key("data"));
    if (tail) await this.#remove(this.#tailKey(tail.number));
    await this.#remove(this.#key("state"));
  }

  /** Makes it the empty upload that its state says it is: what came for its destination is of no use to anybody else. */
  async #forget(): Promise<void> {
    this.#release();
    const { multipart } = this.#state;
    this.#state = { label: this.label, parts: [] };
    this.#begun = undefined;
    try {
      if (multipart) await this.#abortMultipart(multipart);
    } catch {
      // A collection does it.
    } finally {
      this.#destination = undefined;
    }
  }

  async #abortMultipart(uploadId: string): Promise<void> {
    await this.#client.request("DELETE", this.#place, { query: { uploadId }, accept: [404] });
  }

  /**
   * What the state names is not there: somebody else has gone on meanwhile (OBJECT_CHANGED), or whoever ended the upload
   * was killed before the state was removed, which is the last to go (UPLOAD_GONE).
   */
  async #lost(): Promise<never> {
    this.#release();
    const now = await this.#store.head(this.#key("state"));
    if (now && now.etag !== this.#etag) throw objectChanged(this.#key("state"));
    await this.#remove(this.#key("data"));
    await this.abort();
    throw uploadGone(this.id);
  }

  #key(name: "state" | "data"): string {
    return `${uploadsPrefix}${this.id}/${name}`;
  }

  /** The key of the multipart upload. */
  get #place(): string {
    return this.#destination ?? this.#key("data");
  }

  #tailKey(number: number): string {
    return `${uploadsPrefix}${this.id}/tail-${number}`;
  }

  async #remove(key: string): Promise<void> {
    await this.#client.request("DELETE", key, { accept: [404] });
  }

  /** The part in the making, with what was stored of it. */
  async #open(): Promise<Part> {
    if (this.#part) return this.#part;
    const tail = await this.#tail();
    const part = this.#hold(new Part());
    part.write(tail);
    return part;
  }

  #hold(part: Part): Part {
    forgotten.unregister(this);
    this.#part = part;
    // An upload that is neither committed nor aborted, because its request failed, gives its room back too.
    forgotten.register(this, part, this);
    return part;
  }

  #release(): void {
    forgotten.unregister(this);
    this.#part?.release();
    this.#part = undefined;
  }

  /** What is stored after the last part. */
  async #tail(): Promise<Uint8Array<ArrayBuffer>> {
    const { tail } = this.#state;
    if (!tail) return new Uint8Array();
    const found = await this.#store.read(this.#tailKey(tail.number), partSize);
    if (found?.size !== tail.size) return await this.#lost();
    return new Uint8Array(found.bytes);
  }

  #line(): PartLine {
    return new PartLine(this.#state.parts.length, (part, number) => this.#putPart(part, number));
  }

  async #putPart(part: Part, number: number): Promise<StoredPart> {
    const uploadId = await this.#multipart();
    const response = await this.#client.request("PUT", this.#place, {
      query: { partNumber: String(number), uploadId },
      body: part,
      accept: [404],
    });
    if (response.status === 404) throw multipartGone;
    return { etag: response.headers.get("etag") ?? "", size: part.length };
  }

  async #multipart(): Promise<string> {
    if (this.#state.multipart !== undefined) return this.#state.multipart;
    this.#begun ??= this.#begin(this.#place);
    try {
      const multipart = await this.#begun;
      this.#state = { ...this.#state, multipart };
      return multipart;
    } catch (error) {
      this.#begun = undefined;
      throw error;
    }
  }

  /** Takes over what a line stored. Of what it could not store, the first part is what comes next, and the rest was never there. */
  async #settle(line: PartLine): Promise<void> {
    const { stored, failed } = await line.settle();
    this.#state = { ...this.#state, parts: [...this.#state.parts, ...stored] };
    if (!failed) return;
    if (this.#part !== failed.part) this.#part?.release();
    this.#hold(failed.part);
    if (failed.error === multipartGone) await this.#lost();
    throw failed.error;
  }

  /** Puts what is not yet a part beside the upload, and then the new state over the one that was read. */
  async #persist(): Promise<void> {
    const before = this.#state.tail;
    const part = this.#part;
    let tail: State["tail"];
    try {
      if (part && part.length > 0) {
        tail = { number: (before?.number ?? 0) + 1, size: part.length };
        await this.#client.request("PUT", this.#tailKey(tail.number), { body: part });
      }
      await this.#save({ ...this.#state, tail });
    } finally {
      this.#release();
    }
    if (before) await this.#remove(this.#tailKey(before.number));
  }

  async #save(state: State): Promise<void> {
    const bytes = new TextEncoder().encode(JSON.stringify(state));
    const condition = this.#etag === "" ? ({ ifNoneMatch: "*" } as const) : { ifMatch: this.#etag };
    this.#etag = await this.#store.put(this.#key("state"), bytes, condition);
    this.#state = state;
  }

  /** Puts the parts together as one object, which can be read and copied. */
  async #seal(): Promise<void> {
    if (this.#state.sealed) return;
    const part = await this.#open();
    if (part.length > 0) {
      const line = this.#line();
      try {
        this.#hold(await line.exchange(part));
      } finally {
        await this.#settle(line);
      }
    }
    this.#release();
    const { multipart, parts, tail } = this.#state;
    if (!(await this.#complete(this.#key("data"), multipart!, parts))) await this.#lost();
    await this.#save({ ...this.#state, tail: undefined, sealed: true });
    if (tail) await this.#remove(this.#tailKey(tail.number));
  }

  async #copy(from: string, to: string, size: number): Promise<void> {
    const source = { "x-amz-copy-source": this.#client.source(from) };
    if (size <= this.#copyLimit) {
      await expectResult(await this.#client.request("PUT", to, { headers: source }), "CopyObjectResult");
      return;
    }
    const uploadId = await this.#begin(to);
    const parts: StoredPart[] = [];
    for (let start = 0; start < size; start += this.#copyLimit) {
      const end = Math.min(start + this.#copyLimit, size);
      const response = await this.#client.request("PUT", to, {
        query: { partNumber: String(parts.length + 1), uploadId },
        headers: { ...source, "x-amz-copy-source-range": `bytes=${start}-${end - 1}` },
      });
      const text = await expectResult(response, "CopyPartResult");
      parts.push({ etag: unescapeXML(/<ETag>([^<]*)<\/ETag>/.exec(text)?.[1] ?? ""), size: end - start });
    }
    if (!(await this.#complete(to, uploadId, parts)))
      throw storageFault("the S3 server lost a copy in parts");
  }

  async #begin(key: string): Promise<string> {
    const text = await (await this.#client.request("POST", key, { query: { uploads: "" } })).text();
    const id = /<UploadId>([^<]+)<\/UploadId>/.exec(text)?.[1];
    if (id === undefined) throw storageFault("the S3 server began no multipart upload");
    return unescapeXML(id);
  }

  /** False when the S3 server knows neither the multipart upload nor what it makes. */
  async #complete(key: string, uploadId: string, parts: readonly StoredPart[]): Promise<boolean> {
    const list = parts.map(
      ({ etag }, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${escapeXML(etag)}</ETag></Part>`,
    );
    const body = `<CompleteMultipartUpload>${list.join("")}</CompleteMultipartUpload>`;
    const response = await this.#client.request("POST", key, {
      query: { uploadId },
      body: new TextEncoder().encode(body),
      accept: [404],
    });
    if (response.status === 404) {
      // The answer to an earlier attempt was lost, or whoever made it was killed: the upload may be gone because it is complete.
      const size = parts.reduce((sum, part) => sum + part.size, 0);
      return (await this.#store.head(key))?.size === size;
    }
    await expectResult(response, "CompleteMultipartUploadResult");
    return true;
  }
}

/** S3 answers a long copy with 200 at once and may put an error into the body. */
async function expectResult(response: Response, element: string): Promise<string> {
  const text = await response.text();
  if (text.includes(`<${element}`)) return text;
  throw storageFault(`the S3 server failed: ${/<Code>([^<]{1,80})<\/Code>/.exec(text)?.[1] ?? "no result"}`);
}
