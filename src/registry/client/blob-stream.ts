import { StrakeError } from "../../errors/index.ts";
import {
  abandon,
  type BegunUpload,
  isAbandoned,
  isTaken,
  nextLocation,
  rangeEnd,
  type Session,
} from "./blob-upload.ts";
import type { HttpRequest, Send } from "./http/message.ts";

/**
 * Sends bytes whose number and digest are known only at their end into an upload session, as one request (docker's way, which every
 * registry takes). A failure is no failure yet: what has arrived is found out when the upload is ended with `uploadBlob`. Errors: CANCELED.
 */
export async function sendStream(
  send: Send,
  {
    session,
    request,
    source,
    onProgress,
  }: {
    readonly session: Session;
    readonly request: Omit<HttpRequest, "method" | "url" | "headers">;
    readonly source: AsyncIterable<Uint8Array>;
    /** Bytes handed to the network so far. */
    readonly onProgress?: ((bytes: number) => void) | undefined;
  },
): Promise<BegunUpload> {
  let sent = 0;
  let isOpen = false;
  async function* counted() {
    for await (const chunk of source) {
      sent += chunk.byteLength;
      yield chunk;
      onProgress?.(sent);
    }
  }
  const open = () => {
    if (isOpen) throw new StrakeError("REGISTRY_TRUNCATED", "a stream cannot be sent a second time");
    isOpen = true;
    return counted();
  };
  try {
    const response = await send({
      ...request,
      method: "PATCH",
      url: session.location,
      headers: { "content-type": "application/octet-stream" },
      body: { open },
      retry: false,
    });
    response.discard();
    if (!isTaken(response)) return { session, offset: undefined };
    // An answer in the middle of the stream says how far the registry read.
    const reached = rangeEnd(response.headers.range);
    return {
      session: { ...session, location: nextLocation(response, session) },
      offset: reached === sent ? sent : undefined,
    };
  } catch (error) {
    if (isAbandoned(request.signal)) await abandon(send, session, request);
    if (error instanceof StrakeError && error.code === "CANCELED") throw error;
    return { session, offset: undefined };
  }
}
