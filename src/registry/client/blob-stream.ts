import { StrakeError, throwIfAborted } from "../../errors/index.ts";
import { type BegunUpload, isTaken } from "./blob-upload.ts";
import { EarlyEnd, needsItsEnd } from "./early-end.ts";
import type { Send } from "./http/message.ts";
import {
  abandon,
  isAbandoned,
  nextSession,
  rangeEnd,
  type Session,
  type UploadMemory,
  type UploadRequest,
} from "./upload-session.ts";

interface Streaming {
  readonly session: Session;
  /** Bytes of the stream that the registry has already. They are read, and not sent. */
  readonly start: number;
  readonly isLeft: boolean;
  readonly request: UploadRequest;
  readonly source: AsyncIterable<Uint8Array>;
  readonly memory: UploadMemory | undefined;
  /** Bytes handed to the network so far, with those that the registry had. */
  readonly onProgress: ((bytes: number) => void) | undefined;
}

/**
 * Sends bytes whose number and digest are known only at their end into an upload session, as one request (docker's way, which every
 * registry takes). A failure is no failure yet: what has arrived is found out when the upload is ended with `uploadBlob`. Errors: CANCELED.
 */
export async function sendStream(send: Send, streaming: Streaming): Promise<BegunUpload> {
  const { session, start, isLeft, request, source, memory, onProgress } = streaming;
  const { signal } = request;
  const begun = (offset: number | undefined, now = session): BegunUpload => ({
    session: now,
    offset,
    isLeft,
  });
  let sent = start;
  let isOpen = false;
  using ending = needsItsEnd(session) ? new EarlyEnd(signal) : undefined;
  async function* counted(rest: AsyncIterable<Uint8Array>) {
    for await (const chunk of ending?.until(rest) ?? rest) {
      sent += chunk.byteLength;
      yield chunk;
      onProgress?.(sent);
    }
  }
  try {
    const rest = start === 0 ? source : await behind(source, start);
    if (rest === undefined) return begun(start);
    const open = () => {
      if (isOpen) throw new StrakeError("REGISTRY_TRUNCATED", "a stream cannot be sent a second time");
      isOpen = true;
      return counted(rest);
    };
    const response = await send({
      ...request,
      ...(ending === undefined ? {} : { signal: ending.signal }),
      ...{ method: "PATCH", url: session.location, body: { open }, retry: false },
      headers: { "content-type": "application/octet-stream" },
    });
    response.discard();
    if (!isTaken(response)) return begun(undefined);
    const next = nextSession(response, session);
    if (next.location.href !== session.location.href) memory?.note(next);
    throwIfAborted(signal);
    // An answer in the middle of the stream says how far the registry read.
    const reached = rangeEnd(response.headers.range);
    return begun(reached === sent ? sent : undefined, next);
  } catch (error) {
    if (isAbandoned(signal)) {
      await abandon(send, session, request);
      memory?.forget();
    }
    throwIfAborted(signal);
    if (error instanceof StrakeError && error.code === "CANCELED") throw error;
    return begun(undefined);
  }
}

/** The stream from there on, once its next byte is there: nothing is asked of a registry that would have to wait. Undefined where it ends before. */
async function behind(
  source: AsyncIterable<Uint8Array>,
  start: number,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  const chunks = source[Symbol.asyncIterator]();
  let first: Uint8Array | undefined;
  for (let before = start; first === undefined; ) {
    const { value, done } = await chunks.next();
    if (done) return undefined;
    if (value.byteLength > before) first = value.subarray(before);
    else before -= value.byteLength;
  }
  async function* rest() {
    try {
      yield first!;
      for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
    } finally {
      await chunks.return?.();
    }
  }
  return rest();
}
