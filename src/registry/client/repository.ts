import { StrakeError } from "../../errors/index.ts";
import {
  type Descriptor,
  type Digest,
  type DigestAlgorithm,
  decodeManifestOrIndex,
  digestAlgorithm,
  documentLimits,
  type Index,
  isDigest,
  isTag,
  type Manifest,
  matchesDigest,
  mediaTypes,
  parseContentType,
  sha256,
} from "../../oci/index.ts";
import { answerError, reasonOf } from "./answer-error.ts";
import { type DownloadOptions, download, type OpenedBlob, openDownload, verified } from "./blob-download.ts";
import { sendStream } from "./blob-stream.ts";
import { type BegunUpload, type BlobSource, isTaken, type UploadOptions, upload } from "./blob-upload.ts";
import { bytesBody, type HttpRequest, type HttpResponse } from "./http/message.ts";
import { demandNoPage, readBody } from "./http/read.ts";
import { whole } from "./http/whole.ts";
import { noteMissing } from "./missing.ts";
import { pages } from "./paging.ts";
import { readBlob } from "./read-blob.ts";
import { fetchReferrers } from "./referrers.ts";
import type { Line } from "./registry.ts";
import { abandon, askLeft, type Continuation, type Session, sessionOf } from "./upload-session.ts";

/** A manifest or index as a registry has it: exact bytes, checked. */
export type RemoteManifest = {
  readonly raw: Uint8Array;
  readonly digest: Digest;
  readonly mediaType: string;
} & (
  | { readonly kind: "manifest"; readonly value: Manifest }
  | { readonly kind: "index"; readonly value: Index }
);

interface Call {
  readonly signal?: AbortSignal;
}

const accepted = [
  ...[mediaTypes.ociManifest, mediaTypes.ociIndex, mediaTypes.dockerManifest, mediaTypes.dockerManifestList],
].join(", ");

/** A tag whose meaning is known from elsewhere. */
export interface PinnedTag {
  readonly tag: string;
  readonly digest: Digest;
}

/** One repository of a registry. Errors of all methods: REGISTRY_*, CANCELED. */
export class Repository {
  readonly path: string;
  readonly #line: Line;
  readonly #pinned: PinnedTag | undefined;

  constructor(line: Line, path: string, pinned?: PinnedTag) {
    this.#line = line;
    this.path = path;
    this.#pinned = pinned;
  }

  /** `host/path`, as the user names it. */
  get name(): string {
    return `${this.#line.name}/${this.path}`;
  }

  /** Host of the registry: blobs are mounted only within one. */
  get registryName(): string {
    return this.#line.name;
  }

  /** Where the repository really is: what is remembered of it holds there alone. */
  get address(): string {
    return `${this.#line.base.origin}${this.#line.root}/${this.path}`;
  }

  /** What a tag or digest means now, without fetching it where the registry tells. */
  async resolve(
    reference: string,
    call: Call = {},
  ): Promise<Pick<Descriptor, "mediaType" | "digest" | "size">> {
    const found = await this.headManifest(reference, call);
    if (found) return found;
    const { mediaType, digest, raw } = await this.getManifest(reference, call);
    return { mediaType, digest, size: raw.byteLength };
  }

  /** As `resolve`, but undefined where HEAD does not say it all. Errors: REGISTRY_NOT_FOUND. */
  async headManifest(
    asked: string,
    call: Call = {},
  ): Promise<Pick<Descriptor, "mediaType" | "digest" | "size"> | undefined> {
    const reference = this.#meaning(asked);
    const response = await this.#send("HEAD", `manifests/${checkReference(reference)}`, {
      ...call,
      headers: { accept: accepted },
    });
    response.discard();
    if (isWithoutHead(response)) return undefined;
    if (response.status !== 200) throw await this.#refused(response, reference);
    const mediaType = parseContentType(response.headers["content-type"]);
    const digest = response.headers["docker-content-digest"] ?? (isDigest(reference) ? reference : undefined);
    const size = Number(response.headers["content-length"] ?? Number.NaN);
    if (mediaType === undefined || !isDigest(digest) || !Number.isSafeInteger(size)) return undefined;
    if (isDigest(reference) && digest !== reference) throw this.#lies(reference, digest);
    return { mediaType, digest, size };
  }

  /** The manifest or index, its digest computed here and compared with what was asked for and what the registry claims. Errors: BLOB_MISMATCH, MANIFEST_INVALID, INDEX_INVALID, MEDIA_TYPE_UNSUPPORTED. */
  async getManifest(asked: string, call: Call = {}): Promise<RemoteManifest> {
    const reference = this.#meaning(asked);
    const request = this.#request("GET", `manifests/${checkReference(reference)}`, {
      ...call,
      headers: { accept: accepted },
    });
    const title = this.#title(reference);
    const { raw, headers, url } = await whole(this.#line.send, request, {
      retry: this.#line.retry,
      read: async (response) => {
        if (response.status !== 200) throw await this.#refused(response, reference);
        return {
          ...{ headers: response.headers, url: response.url },
          raw: await readBody(response, documentLimits.index, title),
        };
      },
    });
    demandNoPage({ url, headers }, title);
    if (isDigest(reference) && !matchesDigest(raw, reference)) throw this.#lies(reference, sha256(raw));
    const claimed = headers["docker-content-digest"];
    if (!isDigest(reference) && isDigest(claimed) && !matchesDigest(raw, claimed))
      throw this.#lies(claimed, sha256(raw));
    const served = parseContentType(headers["content-type"]);
    // Registries that keep files serve them as what the web server makes of them.
    const isGeneric =
      served === "application/json" || served === "text/plain" || served === "application/octet-stream";
    const document = decoded(raw, { served: isGeneric ? undefined : served, title });
    const digest = isDigest(reference) ? reference : isDigest(claimed) ? claimed : document.digest;
    return { ...document, digest };
  }

  /** Puts a manifest or index byte for byte under a tag or its digest. */
  async putManifest(
    reference: string,
    manifest: { readonly raw: Uint8Array; readonly mediaType: string },
    call: Call = {},
  ): Promise<{ readonly digest: Digest; readonly subjectHandled: boolean }> {
    const response = await this.#send("PUT", `manifests/${checkReference(reference)}`, {
      ...call,
      headers: { "content-type": manifest.mediaType },
      body: bytesBody(manifest.raw),
      scopes: this.#scopes("pull,push"),
    });
    if (!isTaken(response)) {
      const title = this.#title(reference);
      throw await answerError(response, isDigest(reference) ? title : `the manifest for ${title}`);
    }
    response.discard();
    const algorithm = isDigest(reference) ? digestAlgorithm(reference) : "sha256";
    const digest = algorithm === "sha256" ? sha256(manifest.raw) : (reference as Digest);
    const claimed = response.headers["docker-content-digest"];
    if (isDigest(claimed) && !matchesDigest(manifest.raw, claimed)) throw this.#lies(digest, claimed);
    return { digest, subjectHandled: response.headers["oci-subject"] !== undefined };
  }

  async deleteManifest(reference: string, call: Call = {}): Promise<void> {
    try {
      await this.#delete(`manifests/${checkReference(reference)}`, this.#title(reference), call);
    } catch (error) {
      if (!(error instanceof StrakeError)) throw error;
      throw noteMissing(error, { line: this.#line, path: this.path, reference });
    }
  }

  async deleteBlob(digest: Digest, call: Call = {}): Promise<void> {
    await this.#delete(`blobs/${digest}`, `blob ${digest} in ${this.name}`, call);
  }

  /** The blob's size, or undefined when the registry has none of this digest, or no HEAD. */
  async headBlob(
    digest: Digest,
    call: Call & { readonly forPush?: boolean } = {},
  ): Promise<number | undefined> {
    const { forPush, ...rest } = call;
    const response = await this.#send("HEAD", `blobs/${digest}`, {
      ...rest,
      scopes: this.#scopes(forPush ? "pull,push" : "pull"),
    });
    response.discard();
    if (response.status === 404 || isWithoutHead(response)) return undefined;
    if (response.status !== 200) throw await answerError(response, `blob ${digest} in ${this.name}`);
    return Number(response.headers["content-length"] ?? 0);
  }

  /** The bytes of a blob, compared with digest and size by the end. Resumes what breaks. Errors: BLOB_MISMATCH. */
  getBlob(
    blob: Pick<Descriptor, "digest" | "size">,
    options: DownloadOptions = {},
  ): AsyncGenerator<Uint8Array, void, undefined> {
    return verified(this.openBlob(blob, options), blob, this.name);
  }

  /**
   * As `getBlob`, for who compares the digest himself (or reads from `start`): only the size is checked here. A foreign layer that
   * the registry does not have is fetched from its `urls`, without credentials (CVE-2020-15157).
   */
  async *openBlob(
    blob: Pick<Descriptor, "digest" | "size">,
    options: DownloadOptions & { readonly urls?: readonly string[] } = {},
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const { urls = [], ...rest } = options;
    const request = this.#request("GET", `blobs/${blob.digest}`, rest.signal ? { signal: rest.signal } : {});
    const settings = { ...this.#line.retry, ...rest };
    try {
      yield* download(this.#line.send, request, blob, settings);
    } catch (error) {
      const url = urls.map((each) => parseURL(each)).find((each) => each?.protocol === "https:");
      if (!(error instanceof StrakeError) || error.code !== "REGISTRY_NOT_FOUND" || !url) throw error;
      yield* download(this.#line.send, { ...request, url, scopes: [] }, blob, settings);
    }
  }

  /** A blob of which only the digest is known, with one request, from `start` on if the registry can; nothing about it is compared here. */
  async fetchBlob(digest: Digest, options: DownloadOptions = {}): Promise<OpenedBlob> {
    const call = options.signal ? { signal: options.signal } : {};
    const request = this.#request("GET", `blobs/${digest}`, call);
    return await openDownload(this.#line.send, request, { ...this.#line.retry, ...options, digest });
  }

  /** A small blob whole. Errors: BLOB_MISMATCH, BLOB_TOO_LARGE. */
  readBlob(blob: Pick<Descriptor, "digest" | "size">, limit: number, call: Call = {}): Promise<Uint8Array> {
    return readBlob(this, blob, { limit, ...call });
  }

  /** Makes a blob of another repository of the registry this one's too. False when the registry would rather have the bytes. */
  async mountBlob(digest: Digest, from: string, call: Call = {}): Promise<boolean> {
    const response = await this.#send(
      "POST",
      `blobs/uploads/?mount=${digest}&from=${encodeURIComponent(from)}`,
      {
        ...call,
        scopes: [...this.#scopes("pull,push"), `repository:${from}:pull`],
      },
    );
    response.discard();
    if (response.status === 201) return true;
    // The session that was opened instead is given back.
    if (response.status === 202 && response.headers.location !== undefined)
      await abandon(this.#line.send, sessionOf(response), { scopes: this.#scopes("pull,push") });
    return false;
  }

  /** Uploads a blob; parts that were taken are not sent again after a failure. */
  async uploadBlob(
    blob: Pick<Descriptor, "digest" | "size">,
    source: BlobSource,
    options: UploadOptions = {},
  ): Promise<void> {
    const request = {
      scopes: this.#scopes("pull,push"),
      ...(options.signal ? { signal: options.signal } : {}),
    };
    const call = { forPush: true, ...(options.signal ? { signal: options.signal } : {}) };
    const begin = () => this.#beginUpload(digestAlgorithm(blob.digest), request);
    await upload(
      this.#line.send,
      { begin, request, isThere: async () => (await this.headBlob(blob.digest, call)) !== undefined },
      { blob, source, options: { ...this.#line.retry, ...options } },
    );
  }

  /**
   * Begins an upload of bytes that are still being made, or goes on with one of the same bytes that was left; their digest is named later, to
   * `uploadBlob` with `begun`. The stream is read as fast as the registry takes it, and given up when the registry takes no more. Errors: REGISTRY_* of
   * beginning, CANCELED.
   */
  async streamBlob(
    source: AsyncIterable<Uint8Array>,
    { signal, onProgress, memory, onContinue }: Call & Continuation & Pick<UploadOptions, "onProgress"> = {},
  ): Promise<BegunUpload> {
    const request = { scopes: this.#scopes("pull,push"), ...(signal ? { signal } : {}) };
    const left = await askLeft(this.#line.send, memory?.session, request);
    const session = left?.session ?? (await this.#beginUpload("sha256", request));
    if (left === undefined) memory?.note(session);
    else {
      onContinue?.(left.offset);
      onProgress?.(left.offset);
    }
    return await sendStream(this.#line.send, {
      ...{ session, start: left?.offset ?? 0, isLeft: left !== undefined },
      ...{ request, source, memory, onProgress },
    });
  }

  async #beginUpload(
    algorithm: DigestAlgorithm,
    request: { readonly scopes: readonly string[]; readonly signal?: AbortSignal },
  ): Promise<Session> {
    const other = algorithm === "sha256" ? "" : `?digest-algorithm=${algorithm}`;
    const response = await this.#send("POST", `blobs/uploads/${other}`, request);
    if (response.status === 404) throw await this.#noPlace(response);
    if (!isTaken(response)) throw await answerError(response, `an upload to ${this.name}`);
    response.discard();
    return sessionOf(response);
  }

  async *tags(call: Call = {}): AsyncGenerator<string, void, undefined> {
    const request = this.#request("GET", "tags/list?n=1000", call);
    for await (const page of this.#tagPages(request)) {
      const tags = (page as { tags?: unknown } | null)?.tags ?? [];
      if (!Array.isArray(tags))
        throw new StrakeError("REGISTRY_RESPONSE", `${this.name} sent a malformed list of tags`);
      yield* tags.filter((tag): tag is string => typeof tag === "string" && isTag(tag));
    }
  }

  /** Descriptors of what refers to a manifest: signatures, attestations, SBOMs. Uses the tag schema where there is no referrers API. */
  async referrers(
    digest: Digest,
    options: Call & { readonly artifactType?: string } = {},
  ): Promise<Descriptor[]> {
    const { artifactType, ...call } = options;
    const query = artifactType === undefined ? "" : `?artifactType=${encodeURIComponent(artifactType)}`;
    const request = this.#request("GET", `referrers/${digest}${query}`, {
      ...call,
      headers: { accept: mediaTypes.ociIndex },
    });
    const { send, retry } = this.#line;
    return await fetchReferrers(this, { send, retry, request, digest, artifactType, ...call });
  }

  #meaning(reference: string): string {
    return reference === this.#pinned?.tag ? this.#pinned.digest : reference;
  }

  async *#tagPages(request: HttpRequest): AsyncGenerator<unknown, void, undefined> {
    try {
      yield* pages(this.#line, request, `tags of ${this.name}`);
    } catch (error) {
      throw error instanceof StrakeError ? noteMissing(error, { line: this.#line, path: this.path }) : error;
    }
  }

  #title(reference: string): string {
    return isDigest(reference) ? `manifest ${reference} in ${this.name}` : `tag ${reference} in ${this.name}`;
  }

  async #refused(response: HttpResponse, reference: string): Promise<StrakeError> {
    const error = await answerError(response, this.#title(reference));
    return noteMissing(error, { line: this.#line, path: this.path, reference });
  }

  async #noPlace(response: HttpResponse): Promise<StrakeError> {
    const said = await reasonOf(response);
    return new StrakeError(
      "REGISTRY_NOT_FOUND",
      `${this.#line.name} has no place for ${this.path}${said === "" ? "" : `: ${said}`}`,
      {
        hint: "check the name; at some registries the project or repository must be made before the first push",
      },
    );
  }

  #lies(wanted: string, got: string): StrakeError {
    return new StrakeError(
      "BLOB_MISMATCH",
      `${this.#line.name} sent a manifest with digest ${got} for ${wanted}`,
      {
        hint: "the content was changed or damaged at the registry or on its way",
      },
    );
  }

  #scopes(actions: string): string[] {
    return [`repository:${this.path}:${actions}`];
  }

  #request(method: HttpRequest["method"], rest: string, more: Partial<HttpRequest> = {}): HttpRequest {
    return {
      method,
      url: new URL(`${this.#line.root}/${this.path}/${rest}`, this.#line.base),
      headers: {},
      scopes: this.#scopes("pull"),
      ...more,
    };
  }

  #send(method: HttpRequest["method"], rest: string, more: Partial<HttpRequest> = {}): Promise<HttpResponse> {
    return this.#line.send(this.#request(method, rest, more));
  }

  async #delete(rest: string, title: string, call: Call): Promise<void> {
    const response = await this.#send("DELETE", rest, { ...call, scopes: this.#scopes("pull,push,delete") });
    if (response.status === 405)
      throw new StrakeError("REGISTRY_REFUSED", `${this.#line.name} does not allow to delete`, {
        hint: "its administrator must enable deletion",
      });
    if (response.status !== 202 && response.status !== 200 && response.status !== 204)
      throw await answerError(response, title);
    response.discard();
  }
}

/** Errors say which manifest of which registry it is: more than one may be asked for. */
function decoded(raw: Uint8Array, { served, title }: { served: string | undefined; title: string }) {
  try {
    return decodeManifestOrIndex(raw, served);
  } catch (error) {
    if (!(error instanceof StrakeError)) throw error;
    const { code, message, hint, cause } = error;
    throw new StrakeError(code, `${title}: ${message}`, { ...(hint === undefined ? {} : { hint }), cause });
  }
}

/** Some registries answer GET alone. */
function isWithoutHead({ status }: HttpResponse): boolean {
  return status === 405 || status === 501;
}

/** A tag or digest as part of an address. Errors: REFERENCE_INVALID. */
function checkReference(reference: string): string {
  if (isTag(reference) || isDigest(reference)) return reference;
  throw new StrakeError(
    "REFERENCE_INVALID",
    `${JSON.stringify(reference.slice(0, 160))} is neither a tag nor a digest`,
  );
}

function parseURL(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}
