import { StrakeError } from "../../../errors/index.ts";
import { objectChanged, storageFault, tooLarge, whileUnchanged } from "./fault.ts";
import { checkKey, checkPrefix, isKey, isUploadId } from "./key.ts";
import type {
  ByteRange,
  ListOptions,
  ObjectContent,
  ObjectInfo,
  ObjectStore,
  SmallObject,
  Upload,
  WriteCondition,
} from "./object-store.ts";
import { withAdvice } from "./s3-advice.ts";
import { S3Client, type S3Options } from "./s3-client.ts";
import { dropLeftovers, dropParts, staleParts, staleUploads } from "./s3-leftovers.ts";
import { S3Upload } from "./s3-upload.ts";

/**
 * Objects in a bucket of an S3 server that has conditional writes (AWS since 2024, MinIO, versitygw, Ceph, R2). All state
 * is in the bucket, so any number of registries may serve it: who loses a race is told by the server.
 */
export class S3Store implements ObjectStore {
  readonly kind = "s3";
  readonly exclusive = false;
  readonly #client: S3Client;
  readonly #copyLimit: number;
  readonly #redirect: boolean;

  private constructor(options: S3Options) {
    this.#client = new S3Client(options);
    this.#copyLimit = options.copyLimit ?? 5 * 2 ** 30;
    this.#redirect = options.redirect ?? false;
  }

  /**
   * Throws REGISTRY_STORAGE when the bucket cannot be used, and when its server ignores conditions: replicas on such
   * a server would overwrite each other's tags.
   */
  static async open(options: S3Options): Promise<S3Store> {
    const store = new S3Store(options);
    await store.check().catch(async (error) => {
      const { source } = await store.#client.credentials().catch(() => ({ source: undefined }));
      throw withAdvice(error, options, source);
    });
    const probe = `_probe/${crypto.randomUUID()}`;
    const first = await store.put(probe, new Uint8Array(1), { ifNoneMatch: "*" });
    try {
      await store.#expectRefusal(probe, { ifNoneMatch: "*" }, "If-None-Match");
      await store.put(probe, new Uint8Array(3), { ifMatch: first });
      await store.#expectRefusal(probe, { ifMatch: first }, "If-Match");
    } finally {
      await store.#client.request("DELETE", probe, { accept: [404] });
    }
    return store;
  }

  async #expectRefusal(key: string, condition: WriteCondition, header: string): Promise<void> {
    const isTaken = await whileUnchanged(() => this.put(key, new Uint8Array(2), condition));
    if (isTaken)
      throw storageFault(`the S3 server does not honour ${header}, so replicas could not share the bucket`);
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    const response = await this.#client.request("HEAD", checkKey(key), { accept: [404] });
    return response.status === 404
      ? undefined
      : infoOf(response, Number(response.headers.get("content-length")));
  }

  async get(key: string, range?: ByteRange): Promise<ObjectContent | undefined> {
    const headers: Record<string, string> = range ? { range: `bytes=${range.start}-${range.end - 1}` } : {};
    const response = await this.#client.request("GET", checkKey(key), {
      headers,
      accept: [404],
      slowly: true,
    });
    if (response.status === 404) {
      await response.body?.cancel();
      return undefined;
    }
    const total = /\/(\d+)$/.exec(response.headers.get("content-range") ?? "")?.[1];
    const size = Number(total ?? response.headers.get("content-length"));
    return { ...infoOf(response, size), body: response.body ?? new Blob([]) };
  }

  async address(key: string, seconds: number): Promise<string | undefined> {
    return this.#redirect ? this.#client.address(checkKey(key), seconds) : undefined;
  }

  async read(key: string, limit: number): Promise<SmallObject | undefined> {
    const { response, bytes } = await this.#client.read("GET", checkKey(key), { most: limit, accept: [404] });
    if (response.status === 404) return undefined;
    const info = infoOf(response, Number(response.headers.get("content-length") ?? bytes.byteLength));
    if (info.size > limit) throw tooLarge(key, info.size, limit);
    return { ...info, bytes };
  }

  async put(key: string, bytes: Uint8Array, condition?: WriteCondition): Promise<string> {
    const headers: Record<string, string> = {};
    if (condition?.ifNoneMatch) headers["if-none-match"] = condition.ifNoneMatch;
    if (condition?.ifMatch) headers["if-match"] = condition.ifMatch;
    try {
      const accept = condition?.ifMatch ? [404] : [];
      const body = new Uint8Array(bytes);
      const response = await this.#client.request("PUT", checkKey(key), { headers, body, accept });
      if (response.status === 404) throw objectChanged(key);
      return response.headers.get("etag") ?? "";
    } catch (error) {
      if (
        !(
          error instanceof StrakeError &&
          error.code === "OBJECT_CHANGED" &&
          "retried" in error &&
          error.retried
        )
      )
        throw error;
      // The first attempt's answer was lost: the object may be ours.
      const found = await this.read(key, bytes.byteLength);
      if (found && Buffer.compare(found.bytes, bytes) === 0) return found.etag;
      throw error;
    }
  }

  async delete(key: string, etag?: string): Promise<boolean> {
    const found = await this.head(key);
    if (!found) return false;
    if (etag !== undefined && found.etag !== etag) throw objectChanged(key);
    const headers: Record<string, string> = etag === undefined ? {} : { "if-match": etag };
    await this.#client.request("DELETE", key, { headers, accept: [404] });
    return true;
  }

  async list(prefix: string, { after, limit }: ListOptions): Promise<string[]> {
    checkPrefix(prefix);
    const found: string[] = [];
    for (let from = after; found.length < limit; ) {
      const wanted = limit - found.length;
      const page = await this.#client.list(prefix, { after: from, limit: wanted });
      // Some servers list what they are just writing, under names of their own.
      found.push(...page.map(({ key }) => key).filter(isKey));
      from = page.at(-1)?.key;
      if (page.length < wanted) break;
    }
    return found;
  }

  createUpload(label: string): Promise<Upload> {
    return S3Upload.create(this, this.#client, { label, copyLimit: this.#copyLimit });
  }

  async openUpload(id: string): Promise<Upload | undefined> {
    return isUploadId(id) ? S3Upload.open(this, this.#client, { id, copyLimit: this.#copyLimit }) : undefined;
  }

  async staleUploads(before: number): Promise<string[]> {
    const ids = (await staleUploads(this.#client, before)).filter(isUploadId);
    return [...ids, ...(await staleParts(this.#client, before))];
  }

  async dropUpload(id: string): Promise<void> {
    if (!isUploadId(id)) return dropParts(this.#client, id);
    await (await this.openUpload(id))?.abort();
    await dropLeftovers(this.#client, id);
  }

  async check(): Promise<void> {
    await this.#client.list("_probe/", { limit: 1 });
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

function infoOf(response: Response, size: number): ObjectInfo {
  return {
    size,
    etag: response.headers.get("etag") ?? "",
    modified: Date.parse(response.headers.get("last-modified") ?? "") || 0,
  };
}
