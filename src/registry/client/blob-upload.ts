import { StrakeError } from "../../errors/index.ts";
import type { Descriptor } from "../../oci/index.ts";
import { answerError } from "./answer-error.ts";
import type { HttpRequest, HttpResponse, RequestBody, Send } from "./http/message.ts";
import { isPassing, pause, type RetryOptions, rest, retryAfter } from "./http/retry.ts";

/** Bytes that can be read from any offset: an upload that breaks goes on in the middle. */
export interface BlobSource {
  /** The bytes from `start` up to and not including `end`. */
  open(start: number, end: number): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

export interface UploadOptions extends RetryOptions {
  /** Bytes of one request. Default: all that is left; less when the registry says so (413). */
  readonly chunk?: number;
  readonly signal?: AbortSignal;
  /** Bytes handed to the network so far; goes back when an upload resumes. */
  readonly onProgress?: (bytes: number) => void;
  readonly onResume?: (offset: number, reason: StrakeError) => void;
  /** Goes on with an upload that was begun without knowing the blob. */
  readonly begun?: BegunUpload;
}

/** An upload whose first bytes are at the registry, or some of them. */
export interface BegunUpload {
  readonly session: Session;
  /** Bytes the registry has; undefined when it has to be asked. */
  readonly offset: number | undefined;
}

type Blob = Pick<Descriptor, "digest" | "size">;

/** Up to here a blob rides along with the request that ends the upload. */
const smallBlob = 1 << 20;
/** What proxies that answer 413 usually let through. */
const proxyChunk = 64 << 20;
/** The specification has one of these for each step; registries give another. */
const taken = new Set([200, 201, 202, 204]);

/** Whether a step of an upload was done. */
export function isTaken({ status }: Pick<HttpResponse, "status">): boolean {
  return taken.has(status);
}

/**
 * Uploads into a session that `location` names. After a failure the registry is asked how far it is (distribution-spec,
 * "Pushing a blob in chunks"); one that does not know the session any more may have ended it well, with an answer that
 * was lost, or else gets a new one from `begin`.
 */
export async function upload(
  send: Send,
  {
    begin,
    request,
    isThere,
  }: {
    readonly begin: () => Promise<Session>;
    /** Whether the registry has the blob by now. */
    readonly isThere: () => Promise<boolean>;
    readonly request: Omit<HttpRequest, "method" | "url" | "headers">;
  },
  {
    blob,
    source,
    options,
  }: { readonly blob: Blob; readonly source: BlobSource; readonly options: UploadOptions },
): Promise<void> {
  const attempts = options.attempts ?? 5;
  const wire = { send, request, blob, source, options };
  let { session, offset } = await resumed(wire, options.begun, begin);
  let most = options.chunk ?? Number.POSITIVE_INFINITY;
  let inOne = blob.size <= smallBlob;
  for (let failures = 0; ; ) {
    const before = offset;
    let isEnding = false;
    try {
      const chunk = Math.max(most, session.minimum);
      while (offset < blob.size && !inOne) {
        const end = Math.min(blob.size, offset + chunk);
        const next = await patch(wire, session, { start: offset, end });
        if (next === "no PATCH") {
          inOne = true;
          break;
        }
        if (next.tooLarge) {
          if (most <= session.minimum || most <= 1 << 20) throw next.tooLarge;
          most = Number.isFinite(most) ? most / 4 : proxyChunk;
          throw new TryAgain(next.tooLarge);
        }
        session = { ...session, location: next.location };
        offset = next.offset;
        failures = 0;
      }
      isEnding = true;
      await finish(wire, session, offset);
      return;
    } catch (thrown) {
      const error = thrown instanceof TryAgain ? thrown.error : thrown;
      const isSpoiled = error instanceof StrakeError && error.code === "BLOB_MISMATCH";
      if (isSpoiled || isAbandoned(request.signal)) await abandon(send, session, request);
      if (!(thrown instanceof TryAgain) && !isPassing(error) && !isLost(error)) throw error;
      if (!isPatient(error, options)) throw error;
      const known = isLost(error) ? undefined : await progress(wire, session);
      if (known === undefined) {
        if (isEnding && (await isThere())) return;
        session = await begin();
        offset = 0;
      } else {
        session = { ...session, location: known.location };
        offset = Math.min(known.offset, blob.size);
      }
      failures = offset > before ? 1 : failures + 1;
      if (failures >= attempts) throw error;
      options.onProgress?.(offset);
      options.onResume?.(offset, error as StrakeError);
      if (!(thrown instanceof TryAgain))
        await rest(askedPauses.get(error as StrakeError) ?? pause(failures, options), options.signal);
    }
  }
}

/** Whether others of the same push have failed, and this one is stopped for it; not when the user stops it, who is not to wait. */
export function isAbandoned(signal: AbortSignal | undefined): boolean {
  return (
    signal?.aborted === true && signal.reason instanceof StrakeError && signal.reason.code !== "CANCELED"
  );
}

/** Tells the registry that nobody goes on with an upload, so that it does not keep the bytes for days: the others may have failed for want of room. */
export async function abandon(
  send: Send,
  session: Session,
  request: Omit<HttpRequest, "method" | "url" | "headers">,
): Promise<void> {
  try {
    // What failed is told when this is over: it must not take long.
    const signal = AbortSignal.timeout(2000);
    const { location: url } = session;
    const response = await send({ ...request, method: "DELETE", url, headers: {}, retry: false, signal });
    response.discard();
  } catch {
    // The registry drops it by itself in the end.
  }
}

/** Where a begun upload goes on; from the start when there is none, or the registry does not know it any more. */
async function resumed(
  wire: Wire,
  begun: BegunUpload | undefined,
  begin: () => Promise<Session>,
): Promise<{ session: Session; offset: number }> {
  if (begun === undefined) return { session: await begin(), offset: 0 };
  const { session, offset } = begun;
  if (offset !== undefined) return { session, offset: Math.min(offset, wire.blob.size) };
  const known = await progress(wire, session);
  if (known === undefined) return { session: await begin(), offset: 0 };
  return {
    session: { ...session, location: known.location },
    offset: Math.min(known.offset, wire.blob.size),
  };
}

export interface Session {
  readonly location: URL;
  /** Smallest chunk the registry takes (OCI-Chunk-Min-Length). */
  readonly minimum: number;
}

/** The session that an answer to POST names. Errors: REGISTRY_RESPONSE. */
export function sessionOf(response: HttpResponse): Session {
  const minimum = Number(response.headers["oci-chunk-min-length"] ?? 0);
  return { location: locationOf(response), minimum: Number.isSafeInteger(minimum) ? minimum : 0 };
}

interface Wire {
  readonly send: Send;
  readonly request: Omit<HttpRequest, "method" | "url" | "headers">;
  readonly blob: Blob;
  readonly source: BlobSource;
  readonly options: UploadOptions;
}

class TryAgain {
  readonly error: StrakeError;
  constructor(error: StrakeError) {
    this.error = error;
  }
}

interface Sent {
  readonly location: URL;
  readonly offset: number;
  readonly tooLarge?: StrakeError;
}

/** `no PATCH`: the registry takes blobs with PUT alone, which the specification asks of all ("Post then Put"). */
async function patch(
  wire: Wire,
  session: Session,
  { start, end }: { start: number; end: number },
): Promise<Sent | "no PATCH"> {
  const { send, request } = wire;
  const response = await send({
    ...request,
    method: "PATCH",
    url: session.location,
    headers: { "content-type": "application/octet-stream", "content-range": `${start}-${end - 1}` },
    body: part(wire, start, end),
    retry: false,
  });
  if (response.status === 413)
    return {
      location: session.location,
      offset: start,
      tooLarge: await answerError(response, "a chunk of that size"),
    };
  if (start === 0 && (response.status === 405 || response.status === 501)) {
    response.discard();
    return "no PATCH";
  }
  if (!isTaken(response)) throw await uploadError(response, wire.blob);
  response.discard();
  // Some registries take less than they were sent; what they say counts.
  const reached = rangeEnd(response.headers.range);
  const offset = reached !== undefined && reached > start && reached < end ? reached : end;
  return { location: nextLocation(response, session), offset };
}

async function finish(wire: Wire, session: Session, offset: number): Promise<void> {
  const { send, request, blob } = wire;
  const url = new URL(session.location);
  url.searchParams.set("digest", blob.digest);
  const response = await send({
    ...request,
    method: "PUT",
    url,
    headers: { "content-type": "application/octet-stream" },
    body: part(wire, offset, blob.size),
    retry: false,
  });
  if (!isTaken(response)) throw await uploadError(response, blob);
  response.discard();
}

/** How far the registry says it is; undefined when it does not know the session any more or cannot say. */
async function progress(wire: Wire, session: Session): Promise<Sent | undefined> {
  try {
    const response = await wire.send({ ...wire.request, method: "GET", url: session.location, headers: {} });
    response.discard();
    if (response.status !== 204 && response.status !== 202 && response.status !== 200) return undefined;
    const offset = rangeEnd(response.headers.range);
    if (offset === undefined) return undefined;
    return { location: nextLocation(response, session), offset };
  } catch (error) {
    if (isPassing(error)) return undefined;
    throw error;
  }
}

function part({ source, options }: Wire, start: number, end: number): RequestBody {
  async function* counted() {
    let sent = start;
    for await (const chunk of source.open(start, end)) {
      sent += chunk.byteLength;
      yield chunk;
      options.onProgress?.(sent);
    }
  }
  return { length: end - start, open: () => (start >= end ? [] : counted()) };
}

/** `Range: 0-99` is 100 bytes. An empty session is written as `0-0` by many, which cannot be told from one byte: it is taken for none. */
export function rangeEnd(header: string | undefined): number | undefined {
  const match = /^(?:bytes=)?0-([0-9]+)$/.exec(header ?? "");
  if (!match) return undefined;
  return match[1] === "0" ? 0 : Number(match[1]) + 1;
}

/** Where a session goes on: where it was, if the answer does not say. */
export function nextLocation(response: HttpResponse, { location }: Pick<Session, "location">): URL {
  return response.headers.location === undefined ? location : locationOf(response);
}

function locationOf(response: HttpResponse): URL {
  const { location } = response.headers;
  if (location === undefined)
    throw new StrakeError("REGISTRY_RESPONSE", `${response.url.host} did not say where an upload goes on`);
  let url: URL;
  try {
    url = new URL(location, response.url);
  } catch {
    throw new StrakeError("REGISTRY_RESPONSE", `${response.url.host} named what is no address for an upload`);
  }
  if (url.protocol !== "https:" && url.protocol !== "http:")
    throw new StrakeError(
      "REGISTRY_RESPONSE",
      `${response.url.host} named a ${url.protocol} address for an upload`,
    );
  url.username = "";
  url.password = "";
  return url;
}

/** The session is gone or out of step: begin again. */
const lostStatus = new WeakSet<StrakeError>();
const isLost = (error: unknown): boolean => error instanceof StrakeError && lostStatus.has(error);

/** Milliseconds the registry wants to be left alone for. */
const askedPauses = new WeakMap<StrakeError, number>();

function isPatient(error: unknown, { patienceMs = 120_000 }: RetryOptions): boolean {
  return !(error instanceof StrakeError) || (askedPauses.get(error) ?? 0) <= patienceMs;
}

async function uploadError(response: HttpResponse, blob: Blob): Promise<StrakeError> {
  const { status } = response;
  const asked = status === 429 || status === 503 ? retryAfter(response) : undefined;
  const error = await answerError(response, `the upload of ${blob.digest}`);
  // A digest that does not fit: bytes were damaged on the way, or the registry lost some.
  const isDamaged = status === 400 && error.message.includes("DIGEST_INVALID");
  if (status === 404 || status === 416 || isDamaged) lostStatus.add(error);
  if (asked !== undefined) askedPauses.set(error, asked);
  return error;
}
