import { StrakeError, throwIfAborted } from "../../errors/index.ts";
import type { Descriptor } from "../../oci/index.ts";
import { answerError } from "./answer-error.ts";
import { EarlyEnd, needsItsEnd } from "./early-end.ts";
import type { HttpResponse, RequestBody, Send } from "./http/message.ts";
import { isPassing, pause, type RetryOptions, rest, retryAfter } from "./http/retry.ts";
import {
  abandon,
  askLeft,
  askProgress,
  type Continuation,
  isAbandoned,
  nextSession,
  noteIfElsewhere,
  rangeEnd,
  type Session,
  type UploadRequest,
} from "./upload-session.ts";

/** Bytes that can be read from any offset: an upload that breaks goes on in the middle. */
export interface BlobSource {
  /** The bytes from `start` up to and not including `end`. */
  open(start: number, end: number): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

export interface UploadOptions extends RetryOptions, Continuation {
  /** Bytes of one request. Default: all that is left; less when the registry says so (413). */
  readonly chunk?: number;
  readonly signal?: AbortSignal;
  /** Bytes handed to the network so far, with those the registry had; goes back when an upload resumes. */
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
  /** It was left by an earlier push: what is in it may be anything. */
  readonly isLeft?: boolean;
}

type Blob = Pick<Descriptor, "digest" | "size">;

/** Up to here a blob rides along with the request that ends the upload, in bytes. Of such nothing is remembered. */
export const smallBlob = 1 << 20;
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
 * was lost, or else gets a new one from `begin`. One that an earlier push left is begun anew for whatever is wrong with it.
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
    readonly request: UploadRequest;
  },
  {
    blob,
    source,
    options,
  }: { readonly blob: Blob; readonly source: BlobSource; readonly options: UploadOptions },
): Promise<void> {
  const attempts = options.attempts ?? 5;
  const wire = { send, request, blob, source, options };
  const memory = memoryFor(blob, options);
  const fresh = async (): Promise<Start> => {
    const session = await begin();
    memory?.note(session);
    return { session, offset: 0, isLeft: false };
  };
  let { session, offset, isLeft } = (await found(wire)) ?? (await fresh());
  const leftAt = offset;
  if (offset > 0) options.onProgress?.(offset);
  let most = options.chunk ?? Number.POSITIVE_INFINITY;
  let inOne = blob.size <= smallBlob;
  let losses = 0;
  for (let failures = 0; ; ) {
    const before = offset;
    let isEnding = false;
    try {
      while (offset < blob.size && !inOne) {
        const chunk = Math.max(most, session.minimum);
        const end = Math.min(blob.size, offset + chunk);
        const next = await patch(wire, session, { start: offset, end, isAll: chunk > blob.size });
        if (next === "no PATCH") {
          inOne = true;
          break;
        }
        if (next === "no stream") {
          most = blob.size;
          continue;
        }
        if (next.tooLarge) {
          if (most <= session.minimum || most <= 1 << 20) throw next.tooLarge;
          most = Number.isFinite(most) ? most / 4 : proxyChunk;
          throw new TryAgain(next.tooLarge);
        }
        noteIfElsewhere(memory, session, next.session);
        ({ session, offset } = next);
        // A request that the user ended early is answered well.
        throwIfAborted(request.signal);
        failures = 0;
      }
      isEnding = true;
      await finish(wire, session, offset);
      memory?.forget();
      return;
    } catch (thrown) {
      const error = thrown instanceof TryAgain ? thrown.error : thrown;
      const isSpoiled = error instanceof StrakeError && error.code === "BLOB_MISMATCH";
      if (isSpoiled || isAbandoned(request.signal)) {
        await abandon(send, session, request);
        memory?.forget();
      }
      const isShifted = isOutOfStep(error);
      const isOver = !isShifted && (isLost(error) || (isLeft && isRefused(error, failures)));
      if (!(thrown instanceof TryAgain) && !isPassing(error) && !isOver && !isShifted) throw error;
      if (!isPatient(error, options)) throw error;
      const had = offset;
      let known = isOver ? undefined : await reached(wire, session);
      if (isShifted && known?.offset === offset) known = undefined;
      if (known === undefined) {
        if (isEnding && (await isThere())) return memory?.forget();
        if (isLeft) options.onContinue?.(0);
        ({ session, offset, isLeft } = await fresh());
      } else ({ session, offset } = known);
      failures = offset > before ? 1 : failures + 1;
      // What was taken and is lost is sent again, but not for ever; smaller chunks are few.
      if (offset < had && !(thrown instanceof TryAgain)) losses++;
      if (failures >= attempts || losses >= attempts) {
        // It would not go on the next time either.
        if (isLeft && offset <= leftAt) memory?.forget();
        throw error;
      }
      options.onProgress?.(offset);
      options.onResume?.(offset, error as StrakeError);
      if (!(thrown instanceof TryAgain))
        await rest(askedPauses.get(error as StrakeError) ?? pause(failures, options), options.signal);
    }
  }
}

type Start = Required<BegunUpload> & { readonly offset: number };

/** Where an upload goes on that was begun before, by this push or an earlier one; undefined when the registry does not know it any more. */
async function found(wire: Wire): Promise<Start | undefined> {
  const { send, request, blob, options } = wire;
  const { begun, onContinue } = options;
  if (begun === undefined) {
    const left = fitting(await askLeft(send, memoryFor(blob, options)?.session, request), blob);
    if (left === undefined) return undefined;
    onContinue?.(left.offset);
    return { ...left, isLeft: true };
  }
  const { session, offset, isLeft = false } = begun;
  const known = offset === undefined ? await reached(wire, session) : fitting({ session, offset }, blob);
  if (known === undefined && isLeft) onContinue?.(0);
  return known && { ...known, isLeft };
}

function memoryFor({ size }: Blob, { memory }: UploadOptions): Continuation["memory"] {
  return size > smallBlob ? memory : undefined;
}

/** How far the registry is with it. */
async function reached({ send, request, blob }: Wire, session: Session) {
  return fitting(await askProgress(send, session, request), blob);
}

/** More bytes than the blob has cannot be its own. */
function fitting<T extends { readonly offset: number }>(at: T | undefined, blob: Blob): T | undefined {
  return at !== undefined && at.offset <= blob.size ? at : undefined;
}

interface Wire {
  readonly send: Send;
  readonly request: UploadRequest;
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
  readonly session: Session;
  readonly offset: number;
  readonly tooLarge?: StrakeError;
}

/**
 * `no PATCH`: the registry takes blobs with PUT alone, which the specification asks of all ("Post then Put"). `no stream`: somebody on the way to it wants to
 * know the length first.
 */
async function patch(
  wire: Wire,
  session: Session,
  { start, end, isAll }: { readonly start: number; readonly end: number; readonly isAll: boolean },
): Promise<Sent | "no PATCH" | "no stream"> {
  const { send, request } = wire;
  // All that is left, in docker's way; a chunk has its length and place.
  using ending = isAll && needsItsEnd(session) ? new EarlyEnd(request.signal) : undefined;
  const { open, length } = part(wire, start, end);
  const place = { "content-range": `${start}-${end - 1}` };
  const response = await send({
    ...request,
    ...(ending === undefined ? {} : { signal: ending.signal }),
    ...{ method: "PATCH", url: session.location, retry: false },
    headers: { "content-type": "application/octet-stream", ...(ending === undefined ? place : {}) },
    body: ending === undefined ? { open, length: length! } : { open: () => ending.until(open()) },
  });
  if (response.status === 413)
    return { session, offset: start, tooLarge: await answerError(response, "a chunk of that size") };
  if (start === 0 && (response.status === 405 || response.status === 501)) {
    response.discard();
    return "no PATCH";
  }
  if (ending !== undefined && response.status === 411) {
    response.discard();
    return "no stream";
  }
  if (!isTaken(response)) throw await uploadError(response, wire.blob);
  response.discard();
  // Some registries take less than they were sent; what they say counts.
  const now = rangeEnd(response.headers.range);
  const offset = now !== undefined && now > start && now < end ? now : end;
  return { session: nextSession(response, session), offset };
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

/** The session is gone: begin again. */
const lostStatus = new WeakSet<StrakeError>();
const isLost = (error: unknown): boolean => error instanceof StrakeError && lostStatus.has(error);

/** The registry is elsewhere than it said: more has arrived since, of a connection that it did not know to be lost. */
const stepStatus = new WeakSet<StrakeError>();
const isOutOfStep = (error: unknown): boolean => error instanceof StrakeError && stepStatus.has(error);

/**
 * Whether the registry will not go on with an upload that an earlier push left: another one may be taken. `failures`: times in a row it could not, as
 * what is wrong may pass.
 */
function isRefused(error: unknown, failures: number): boolean {
  if (!(error instanceof StrakeError) || !error.code.startsWith("REGISTRY_")) return false;
  return !isPassing(error) || (error.code === "REGISTRY_FAILED" && failures > 0);
}

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
  if (status === 404 || isDamaged) lostStatus.add(error);
  if (status === 416) stepStatus.add(error);
  if (asked !== undefined) askedPauses.set(error, asked);
  return error;
}
