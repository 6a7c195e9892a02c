import { StrakeError } from "../../../errors/index.ts";
import type { HttpRequest, HttpResponse, Send } from "./message.ts";
import { pause, type RetryOptions, rest } from "./retry.ts";

/** How an answer ends that had begun well. */
const broken = new Set(["REGISTRY_TRUNCATED", "REGISTRY_UNREACHABLE", "REGISTRY_PROXY", "REGISTRY_STALLED"]);

/**
 * Sends a request without a body and reads the answer to its end. The link `retry` sees only heads: an answer that breaks
 * off in its body is asked for again here, from its beginning.
 */
export async function whole<T>(
  send: Send,
  request: HttpRequest,
  {
    read,
    retry = {},
  }: { readonly read: (response: HttpResponse) => Promise<T>; readonly retry?: RetryOptions },
): Promise<T> {
  const attempts = retry.attempts ?? 5;
  for (let attempt = 1; ; attempt++) {
    const response = await send(request);
    try {
      return await read(response);
    } catch (error) {
      if (!(error instanceof StrakeError) || !broken.has(error.code) || attempt >= attempts) throw error;
    }
    await rest(pause(attempt, retry), request.signal);
  }
}
