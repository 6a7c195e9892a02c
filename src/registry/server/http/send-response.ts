import type { ServerResponse } from "node:http";
import { freeChunk } from "../../../sys/index.ts";

/**
 * Sends an answer at the client's speed. A body that fails cuts the connection, so that nobody takes what came for the whole.
 * `rest`: what is still to be done when all of it is sent, before the connection is used again or closed.
 * Resolves when all was handed over or the connection is gone.
 */
export async function sendResponse(
  response: Response,
  to: ServerResponse,
  rest: () => Promise<void> | undefined = () => undefined,
): Promise<void> {
  const { body, status, headers } = response;
  for (const [name, value] of headers) to.setHeader(name, value);
  const hasLength = headers.has("content-length") || status === 204 || status === 304;
  if (!body && !hasLength) to.setHeader("Content-Length", "0");
  to.writeHead(status);
  const end = async () => {
    const doing = rest();
    if (doing) {
      to.flushHeaders();
      await doing;
    }
    to.end();
  };
  if (!body || to.req.method === "HEAD") {
    await Promise.all([end(), body?.cancel()]);
    return;
  }
  const reader = body.getReader();
  const { promise: gone, resolve: leave } = Promise.withResolvers<void>();
  to.once("close", leave);
  try {
    while (!to.destroyed) {
      const { done, value } = await reader.read();
      if (done) return await end();
      if (!to.write(value)) await Promise.race([drained(to), gone]);
      freeChunk(value);
    }
    await reader.cancel();
  } catch {
    to.destroy();
  }
}

function drained(to: ServerResponse): Promise<void> {
  return new Promise((resolve) => to.once("drain", resolve));
}
