import type { IncomingMessage } from "node:http";
import { StrakeError } from "../../../errors/index.ts";
import { connectionError } from "./connection-error.ts";
import type { HttpResponse } from "./message.ts";
import type { StallWatch } from "./stall-watch.ts";

interface Reading {
  readonly url: URL;
  readonly watch: StallWatch;
  readonly stallMs: number;
  /** Why the exchange was given up. */
  readonly state: { readonly failure?: StrakeError };
  /** There is nothing more to wait for. */
  end(): void;
}

/** An answer whose head is there; its body is read from the connection as it is asked for. */
export function answerOf(response: IncomingMessage, reading: Reading): HttpResponse {
  const { url, watch, stallMs, state, end } = reading;
  let over = false;
  const discard = () => {
    if (over) return;
    over = true;
    end();
    // What is left of a short answer is read away so that the connection can serve the next request.
    if (Number(response.headers["content-length"] ?? 0) <= 64 << 10) response.resume().on("error", () => {});
    else response.destroy();
  };
  async function* body(): AsyncGenerator<Uint8Array, void, undefined> {
    const iterator = response[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
    try {
      for (;;) {
        watch.wait(stallMs);
        const next = await iterator.next();
        // While our own side is busy, nobody but us is slow.
        watch.rest();
        if (next.done) break;
        yield next.value;
      }
      if (state.failure) throw state.failure;
      if (!response.complete)
        throw new StrakeError("REGISTRY_TRUNCATED", `${url.host} closed the connection too early`);
    } catch (error) {
      if (state.failure) throw state.failure;
      throw error instanceof StrakeError ? error : connectionError(error, url);
    } finally {
      if (!response.complete) response.destroy();
      over = true;
      end();
    }
  }
  watch.rest();
  const headers: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(response.headers))
    headers[name] = Array.isArray(value) ? value.join(", ") : value;
  return { status: response.statusCode ?? 0, headers, url, body: body(), discard };
}
