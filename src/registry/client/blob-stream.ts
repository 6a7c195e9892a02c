import { StrakeError, throwIfAborted } from "../../errors/index.ts";
import { type BegunUpload, isTaken } from "./blob-upload.ts";
import { EarlyEnd, needsItsEnd } from "./early-end.ts";
import { bytesBody, type Send } from "./http/message.ts";
import { StreamReader } from "./stream-reader.ts";
import {
  abandon,
  askProgress,
  isAbandoned,
  nextSession,
  noteIfElsewhere,
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
  const { start, isLeft, request, memory } = streaming;
  const { signal } = request;
  let { session } = streaming;
  const reader = new StreamReader(streaming.source);
  try {
    let offset: number | undefined = start;
    if (start > 0) ({ session, offset } = await joined(send, reader, streaming));
    if (offset === undefined || (start > 0 && reader.isAtEnd)) return { session, offset, isLeft };
    const sent = await sendRest(send, reader, { ...streaming, session });
    return { ...sent, isLeft };
  } catch (error) {
    if (isAbandoned(signal)) {
      await abandon(send, session, request);
      memory?.forget();
    }
    throwIfAborted(signal);
    if (error instanceof StrakeError && error.code === "CANCELED") throw error;
    return { session, offset: undefined, isLeft };
  } finally {
    reader.close();
  }
}

/** How often a registry is asked again where it is. */
const rejoins = 5;
/** Bytes that are held for a first piece. Of a registry that wants larger ones the stream is given up, and what follows is sent from its file. */
const largestPiece = 64 << 20;

/**
 * Sends the first piece behind what the registry has, with its place: a stream has none, and what of a lost connection arrives only now would stand
 * before it. Nothing is sent before there is something: nobody has to wait. Where it went on; without an offset when it did not.
 */
async function joined(send: Send, reader: StreamReader, streaming: Streaming) {
  const { session: first, start, request, memory } = streaming;
  let session = first;
  let offset = start;
  for (let tries = 0; tries < rejoins; tries++) {
    if (session.minimum > largestPiece) break;
    const bytes = await reader.piece(offset, session.minimum);
    if (bytes === undefined) return { session, offset };
    const end = offset + bytes.byteLength;
    const response = await send({
      ...{ ...request, method: "PATCH", url: session.location, body: bytesBody(bytes), retry: false },
      headers: { "content-type": "application/octet-stream", "content-range": `${offset}-${end - 1}` },
    });
    response.discard();
    if (isTaken(response)) {
      const reached = rangeEnd(response.headers.range) ?? end;
      const next = nextSession(response, session);
      noteIfElsewhere(memory, session, next);
      return { session: next, offset: reached === end ? end : undefined };
    }
    const known = response.status === 416 ? await askProgress(send, session, request) : undefined;
    if (known === undefined || known.offset <= offset) break;
    reader.unread(bytes);
    ({ session, offset } = known);
  }
  return { session, offset: undefined };
}

/** Sends all that the reader still has. */
async function sendRest(
  send: Send,
  reader: StreamReader,
  { session, request, memory, onProgress }: Streaming,
): Promise<BegunUpload> {
  using ending = needsItsEnd(session) ? new EarlyEnd(request.signal) : undefined;
  let isOpen = false;
  async function* counted() {
    const rest = reader.rest();
    for await (const chunk of ending?.until(rest) ?? rest) {
      yield chunk;
      onProgress?.(reader.position);
    }
  }
  const open = () => {
    if (isOpen) throw new StrakeError("REGISTRY_TRUNCATED", "a stream cannot be sent a second time");
    isOpen = true;
    return counted();
  };
  const response = await send({
    ...request,
    ...(ending === undefined ? {} : { signal: ending.signal }),
    ...{ method: "PATCH", url: session.location, body: { open }, retry: false },
    headers: { "content-type": "application/octet-stream" },
  });
  response.discard();
  if (!isTaken(response)) return { session, offset: undefined };
  const next = nextSession(response, session);
  noteIfElsewhere(memory, session, next);
  throwIfAborted(request.signal);
  // An answer in the middle of the stream says how far the registry read.
  const isAll = rangeEnd(response.headers.range) === reader.position;
  return { session: next, offset: isAll ? reader.position : undefined };
}
