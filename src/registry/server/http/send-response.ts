import type { ServerResponse } from "node:http";
import { freeChunk } from "../../../sys/index.ts";

interface Sending {
  /** Milliseconds for which a client may take nothing of what waits for it, before the connection is cut. */
  readonly patience: number;
  /** What is still to be done when all is sent, before the connection is used again or closed. */
  readonly rest?: () => Promise<void> | undefined;
}

/**
 * Sends an answer at the client's speed. A body that fails, or is not as long as it should be, cuts the connection, so that nobody takes what came for the whole.
 * Resolves when all was handed over or the connection is gone.
 */
export async function sendResponse(
  response: Response,
  to: ServerResponse,
  { patience, rest }: Sending,
): Promise<void> {
  const { body, status, headers } = response;
  for (const [name, value] of headers) to.setHeader(name, value);
  const hasLength = headers.has("content-length") || status === 204 || status === 304;
  if (!body && !hasLength) to.setHeader("Content-Length", "0");
  to.writeHead(status);
  const gone = new Promise<void>((resolve) => (to.closed ? resolve() : to.once("close", resolve)));
  const end = async () => {
    const doing = rest?.();
    if (doing) {
      to.flushHeaders();
      await doing;
    }
    to.end();
    if (!to.writableFinished) await taken(to, gone, patience);
  };
  if (!body || to.req.method === "HEAD") {
    await Promise.all([end(), body?.cancel()]);
    return;
  }
  const reader = body.getReader();
  // What is more would be taken for the beginning of the next answer, what is less would take its beginning.
  let left = Number(headers.get("content-length") ?? Number.POSITIVE_INFINITY);
  try {
    while (!to.destroyed) {
      const { done, value } = await reader.read();
      left -= value?.byteLength ?? 0;
      if (left < 0 || (done && hasLength && left > 0)) throw new Error("the body has another length");
      if (done) return await end();
      const isTaken = to.write(value);
      if (left === 0) {
        // The client has all of it and may ask for something else, before whoever brings it says that this was the end.
        const ended = reader.read().then(({ done }) => (done ? undefined : reader.cancel()));
        await Promise.all([end(), ended.catch(() => {})]);
        freeChunk(value);
        return;
      }
      if (!isTaken) await taken(to, Promise.race([drained(to), gone]), patience);
      freeChunk(value);
    }
    await reader.cancel();
  } catch (error) {
    to.destroy();
    await reader.cancel(error).catch(() => {});
  }
}

function drained(to: ServerResponse): Promise<void> {
  return new Promise((resolve) => to.once("drain", resolve));
}

/** Waits until `all` is sent, as long as the client goes on taking; else cuts the connection. */
async function taken(to: ServerResponse, all: Promise<void>, patience: number): Promise<void> {
  let waiting = to.writableLength;
  const timer = setInterval(() => {
    if (to.writableLength >= waiting) to.destroy();
    waiting = to.writableLength;
  }, patience);
  await all;
  clearInterval(timer);
}
