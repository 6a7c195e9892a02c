/** A body that can be sent more than once: after a redirect, a challenge or a lost connection. */
export interface RequestBody {
  /** Bytes that `open` gives. Absent: nobody knows yet, they are sent in chunks (RFC 9112, 7.1). */
  readonly length?: number;
  open(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: URL;
  /** Names in lowercase. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: RequestBody;
  readonly signal?: AbortSignal;
  /** What a token must allow, for example `repository:a/b:pull`. */
  readonly scopes?: readonly string[];
  /** Sent again after failures that may pass. False where the caller knows better how to go on. Default: true. */
  readonly retry?: boolean;
}

export interface HttpResponse {
  readonly status: number;
  /** Names in lowercase. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Where the answer came from, after redirects. */
  readonly url: URL;
  /** Read once; left early, the connection is closed. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Gives up what has not been read. Idempotent. */
  discard(): void;
}

/** Sends a request. Any status is an answer; what throws is that there was none. */
export type Send = (request: HttpRequest) => Promise<HttpResponse>;

/** Wraps what follows it in the chain. */
export type Link = (next: Send) => Send;

/** The first link sees a request first and its answer last. */
export function chain(links: readonly Link[], last: Send): Send {
  return links.reduceRight((next, link) => link(next), last);
}

export function bytesBody(bytes: Uint8Array): RequestBody {
  return { length: bytes.byteLength, open: () => (bytes.byteLength === 0 ? [] : [bytes]) };
}
