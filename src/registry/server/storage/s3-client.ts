import { checkOptions, StrakeError } from "../../../errors/index.ts";
import { objectChanged, storageFault } from "./fault.ts";
import type { S3CredentialsProvider } from "./s3-credentials/provider.ts";
import { areSame, mayHaveEnded, unknownUser } from "./s3-credentials/refusal.ts";
import { escapeURI, type S3Credentials, sha256Hex, signAddress, signRequest } from "./s3-sign.ts";
import { getSlowly, hasProxy } from "./s3-slow-get.ts";
import { unescapeXML } from "./s3-xml.ts";

export interface S3Options {
  /** `https://s3.eu-central-1.amazonaws.com`; the bucket is put into the path. */
  readonly endpoint: string;
  readonly bucket: string;
  readonly region?: string;
  /** Keys, or who has those of this moment: it is asked for every request, and told of those that the server refused. */
  readonly credentials: S3Credentials | S3CredentialsProvider;
  /** Put before every key, for example `registry/`: several registries may share a bucket. */
  readonly prefix?: string;
  /** Largest object copied by one request, in bytes; S3's own limit is 5 GiB. */
  readonly copyLimit?: number;
  /** Who wants a large object may be sent to the S3 server for it. */
  readonly redirect?: boolean;
  /** The S3 server as clients of the registry reach it, with `redirect`; `endpoint` when absent. */
  readonly publicEndpoint?: string;
  /** Milliseconds an S3 server may take to answer a request; putting parts together and copying may take ten times as long. Default: 60 s. */
  readonly answerMs?: number;
}

/** A body that is in a file. A request that failed is sent again with the same. */
export interface S3Content {
  /** Bytes. */
  readonly length: number;
  /** In hexadecimal digits. */
  readonly sha256: string;
  readonly blob: Blob;
}

export interface S3Call {
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer> | S3Content;
  /** Statuses beside success that the caller handles. */
  readonly accept?: readonly number[];
  /** The answer's body is large and read as slowly as a client takes it. */
  readonly slowly?: boolean;
}

/** A multipart upload that was neither completed nor aborted. */
export interface OpenMultipart {
  /** Without the registry's prefix. */
  readonly key: string;
  readonly uploadId: string;
  /** Milliseconds since the epoch. */
  readonly begun: number;
}

/** Of servers that list no multipart uploads, or not to everybody. */
const notListed = [403, 405, 501];

/** 404 for another reason than that there is no such object. */
const notAboutKey = new Set(["NoSuchBucket", unknownUser]);

export interface ListedObject {
  /** Without the registry's prefix. */
  readonly key: string;
  readonly modified: number;
}

const attempts = 5;

const defaultRegion = "us-east-1";

/**
 * Failures that are not the request's own, beside 5xx: a conditional write that met another one in the middle, and bytes that
 * were damaged or came too slowly on their way. versitygw says the last where another request deleted the folder of a key in the
 * middle (versity/versitygw#1988); none of our keys is above another one.
 */
const passing = new Set([
  ...[
    "ConditionalRequestConflict",
    "XAmzContentSHA256Mismatch",
    "BadDigest",
    "IncompleteBody",
    "RequestTimeout",
    "ExistingObjectIsDirectory",
  ],
]);

/** Signed requests to one bucket. Retries what may be retried; anything else throws REGISTRY_STORAGE. */
export class S3Client {
  readonly #options: S3Options;
  readonly #host: string;
  readonly #base: string;
  readonly #prefix: string;

  constructor(options: S3Options) {
    checkOptions<Pick<S3Options, "endpoint" | "bucket">>("S3Store", options, {
      ...{ endpoint: "string", bucket: "string" },
    });
    const url = new URL(options.endpoint);
    this.#options = options;
    this.#host = url.host;
    this.#base = `${url.pathname.replace(/\/$/, "")}/${escapeURI(options.bucket)}`;
    this.#prefix = options.prefix ?? "";
  }

  /** An address at which whoever has it can GET a key, for a number of seconds. */
  async address(key: string, seconds: number): Promise<string> {
    const credentials = await this.credentials();
    const { region = defaultRegion, endpoint, publicEndpoint = endpoint } = this.#options;
    const { origin, host, pathname } = new URL(publicEndpoint);
    const path = `${pathname.replace(/\/$/, "")}/${escapeURI(this.#options.bucket)}/${this.#escaped(key)}`;
    const query = signAddress({ host, path, seconds }, { credentials, region, now: new Date() });
    return `${origin}${path}?${query}`;
  }

  /** Where a key is, as the copy source header wants it. */
  source(key: string): string {
    return `/${escapeURI(this.#options.bucket)}/${this.#escaped(key)}`;
  }

  /**
   * One request about a key (or, with an empty key, about the bucket). A conditional write that lost throws
   * OBJECT_CHANGED. After an attempt whose answer was lost, the caller may see its own write: `retried` says so.
   */
  async request(method: string, key: string, call: S3Call = {}): Promise<Response & { retried?: boolean }> {
    for (let attempt = 1; ; attempt++) {
      let response: Response & { retried?: boolean };
      let code: string;
      try {
        ({ response, code } = await this.#answer(method, key, call));
      } catch (cause) {
        if (cause instanceof StrakeError) throw cause;
        if (attempt < attempts) {
          await pause(attempt);
          continue;
        }
        throw storageFault(`the S3 server at ${this.#host} cannot be reached`, cause);
      }
      if (response.ok || (call.accept?.includes(response.status) && !notAboutKey.has(code))) {
        response.retried = attempt > 1;
        return response;
      }
      const { status } = response;
      code ||= codeIn(await response.text());
      if ((status >= 500 || status === 429 || passing.has(code)) && attempt < attempts) {
        await pause(attempt);
        continue;
      }
      if (status === 412) throw Object.assign(objectChanged(key), { retried: attempt > 1 });
      throw storageFault(
        `the S3 server answered ${withCode(status, code)} to ${method} ${key || this.#options.bucket}`,
        status === 507 ? { code: "ENOSPC" } : { code },
      );
    }
  }

  /** As `request`, with the whole body; one that breaks off is asked for again. */
  async read(
    method: string,
    key: string,
    { most, ...call }: S3Call & { readonly most?: number } = {},
  ): Promise<{ response: Response; bytes: Uint8Array<ArrayBuffer> }> {
    for (let attempt = 1; ; attempt++) {
      const response = await this.request(method, key, call);
      const length = response.headers.get("content-length");
      if (most !== undefined && Number(length) > most) {
        await response.body?.cancel();
        return { response, bytes: new Uint8Array() };
      }
      try {
        const bytes = new Uint8Array(await response.arrayBuffer());
        if (length !== null && bytes.byteLength !== Number(length)) throw new Error("the answer is cut off");
        return { response, bytes };
      } catch (cause) {
        if (attempt >= attempts)
          throw storageFault(`${key || "a list"} came incomplete from the S3 server`, cause);
      }
      await pause(attempt);
    }
  }

  /** Objects under a prefix in byte order. */
  async list(prefix: string, { after, limit }: { after?: string; limit: number }): Promise<ListedObject[]> {
    const found: ListedObject[] = [];
    let last = after;
    while (found.length < limit) {
      const wanted = Math.min(limit - found.length, 1000);
      const { bytes } = await this.read("GET", "", {
        query: {
          "list-type": "2",
          "max-keys": String(wanted),
          prefix: this.#prefix + prefix,
          ...(last === undefined ? {} : { "start-after": this.#prefix + last }),
        },
      });
      const text = new TextDecoder().decode(bytes);
      for (const [, entry] of text.matchAll(/<Contents>(.*?)<\/Contents>/gs)) {
        const key = /<Key>([^<]*)<\/Key>/.exec(entry!)?.[1] ?? "";
        const modified = Date.parse(/<LastModified>([^<]*)<\/LastModified>/.exec(entry!)?.[1] ?? "");
        found.push({ key: key.slice(this.#prefix.length), modified: modified || 0 });
      }
      if (!/<IsTruncated>true<\/IsTruncated>/.test(text)) break;
      const next = found.at(-1)?.key;
      if (next === last) break;
      last = next;
    }
    return found;
  }

  /** Multipart uploads under a prefix; none where the server does not tell. */
  async *multiparts(prefix: string): AsyncGenerator<OpenMultipart, void, undefined> {
    let marker: Record<string, string> = {};
    for (;;) {
      const { response, bytes } = await this.read("GET", "", {
        query: { uploads: "", prefix: this.#prefix + prefix, ...marker },
        accept: notListed,
      });
      if (!response.ok) return;
      const text = new TextDecoder().decode(bytes);
      const field = (xml: string, name: string) =>
        unescapeXML(new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1] ?? "");
      for (const [, entry] of text.matchAll(/<Upload>(.*?)<\/Upload>/gs))
        yield {
          key: field(entry!, "Key").slice(this.#prefix.length),
          uploadId: field(entry!, "UploadId"),
          begun: Date.parse(field(entry!, "Initiated")) || 0,
        };
      const next = {
        "key-marker": field(text, "NextKeyMarker"),
        "upload-id-marker": field(text, "NextUploadIdMarker"),
      };
      if (field(text, "IsTruncated") !== "true" || next["key-marker"] === marker["key-marker"]) return;
      marker = next;
    }
  }

  /** The credentials for a request that is signed now. Throws REGISTRY_STORAGE. */
  async credentials(refused?: S3Credentials): Promise<S3Credentials> {
    const { credentials } = this.#options;
    return typeof credentials === "function" ? credentials(refused) : credentials;
  }

  /** One answer, with S3's code where it was looked at. Credentials that are refused as ended are renewed, once. */
  async #answer(method: string, key: string, call: S3Call): Promise<{ response: Response; code: string }> {
    const credentials = await this.credentials();
    const response = await this.#send(method, key, { call, credentials });
    const { status, headers } = response;
    if (status < 400 || status > 404) return { response, code: "" };
    const text = await response.text();
    const code = codeIn(text);
    const first = { response: new Response(text, { status, headers }), code };
    const canRenew = typeof this.#options.credentials === "function";
    if (!canRenew || !mayHaveEnded({ method, status, code }, credentials)) return first;
    const others = await this.credentials(credentials).catch((cause) => {
      throw storageFault(
        `the S3 server answered ${withCode(status, code)} and there are no other credentials`,
        cause,
      );
    });
    if (areSame(credentials, others)) return first;
    return { response: await this.#send(method, key, { call, credentials: others }), code: "" };
  }

  #escaped(key: string): string {
    return (this.#prefix + key).split("/").map(escapeURI).join("/");
  }

  /** The kernel sends a file through a plain connection. For TLS Bun would read it as a whole, so that is given it piece by piece. */
  #bodyOf({ length, blob }: S3Content): Blob | ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer> {
    if (length === 0) return new Uint8Array();
    return this.#options.endpoint.startsWith("https:") ? blob.stream() : blob;
  }

  #send(
    method: string,
    key: string,
    { call, credentials }: { readonly call: S3Call; readonly credentials: S3Credentials },
  ): Promise<Response> {
    const { endpoint, region = defaultRegion, answerMs = 60_000 } = this.#options;
    const path = key === "" ? this.#base : `${this.#base}/${this.#escaped(key)}`;
    const query = Object.entries(call.query ?? {})
      .map(([name, value]) => `${escapeURI(name)}=${escapeURI(value)}`)
      .sort()
      .join("&");
    const { body } = call;
    const content = body === undefined || body instanceof Uint8Array ? undefined : body;
    const payload = content?.sha256 ?? sha256Hex((body as Uint8Array | undefined) ?? "");
    const signed = { method, path, query, payload, headers: { ...call.headers, host: this.#host } };
    const headers = signRequest(signed, { credentials, region, now: new Date() });
    // A stream would be sent in chunks without it, which S3 refuses.
    if (content) headers["content-length"] = String(content.length);
    const works = method === "POST" || call.headers?.["x-amz-copy-source"] !== undefined;
    const url = `${new URL(endpoint).origin}${path}${query && `?${query}`}`;
    if (call.slowly && !hasProxy()) return answered(answerMs, (signal) => getSlowly(url, headers, signal));
    return answered((works ? 10 : 1) * answerMs, (signal) =>
      fetch(url, {
        method,
        headers,
        body: content ? this.#bodyOf(content) : (body as Uint8Array<ArrayBuffer> | undefined),
        redirect: "error",
        signal,
      }),
    );
  }
}

function codeIn(xml: string): string {
  return /<Code>([^<]{1,80})<\/Code>/.exec(xml)?.[1] ?? "";
}

/** An answer to HEAD has no code. */
function withCode(status: number, code: string): string {
  return `${status} ${code}`.trim();
}

/** Gives up on an answer that does not begin in time; its body may then take as long as it comes. */
async function answered(ms: number, ask: (signal: AbortSignal) => Promise<Response>): Promise<Response> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(new Error(`no answer within ${ms / 1000} seconds`)), ms);
  try {
    return await ask(stop.signal);
  } finally {
    clearTimeout(timer);
  }
}

/** Growing, with a part by chance so that replicas do not come back together. */
function pause(attempt: number): Promise<void> {
  return Bun.sleep(50 * 2 ** attempt * (0.5 + Math.random()));
}
