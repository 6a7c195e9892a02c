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

/** As whom a request came to its registry, and what it needed: what a refusal is explained with. */
export interface Access {
  /** The registry as the user names it: an answer may have come from its token server. */
  readonly registry: string;
  readonly scopes: readonly string[];
  /** Host of the token server that refused, where it was not the registry itself. */
  readonly tokenServer?: string;
  /** Whom the registry took us for. Absent: for nobody. */
  readonly login?: Login;
  /** What the registry says is wrong with a token (RFC 6750, 3.1). */
  readonly fault?: string;
}

/** A login without what is secret of it. */
export interface Login {
  readonly kind: "password" | "token";
  /** Absent where there is none, or where it could be a secret itself. */
  readonly username?: string;
  /** Milliseconds since the epoch at which the token says it ends. */
  readonly endsAt?: number;
  /** The file or the helper that keeps it; absent where it was given with the call. */
  readonly place?: string;
}

export interface HttpResponse {
  readonly status: number;
  /** Known for 401 and 403 where the registry asks who we are. */
  readonly access?: Access;
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
