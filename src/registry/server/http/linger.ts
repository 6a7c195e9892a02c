import type { IncomingRequest } from "./request.ts";

/** Bodies of which somebody read a part and wants no more. */
const left = new WeakSet<ReadableStream<Uint8Array>>();
/** Milliseconds for which a refused body may go on coming. */
const patience = 2000;
/** Bytes of a body that Bun reads although nobody asks for them. */
const readAnyway = 1 << 20;

/** Reads no more of a body. */
export function leave(body: ReadableStream<Uint8Array>, reader: { cancel(): Promise<void> }): void {
  left.add(body);
  reader.cancel().catch(() => {});
}

/**
 * An answer as it reaches a client that is still sending. Bun.serve closes a connection that is for one request alone (skopeo, podman and buildah
 * ask for that) as soon as it has answered, and what is on its way then takes the answer with it (RFC 9112, section 9.6): so the answer's end waits
 * a moment, in which Bun takes what comes and drops it.
 */
export async function lingering(
  request: IncomingRequest & Pick<Request, "bodyUsed">,
  answered: Promise<Response>,
): Promise<Response> {
  const response = await answered;
  const { body, headers } = request;
  if (!body || response.status < 400 || headers.get("connection")?.toLowerCase() !== "close") return response;
  const isUnread = !request.bodyUsed && !(Number(headers.get("content-length") ?? readAnyway) < readAnyway);
  if (!left.has(body) && !isUnread) return response;
  if (isUnread) body.cancel().catch(() => {});
  const bytes = await response.bytes();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const answer = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(bytes);
      timer = setTimeout(() => controller.close(), patience);
    },
    cancel: () => clearTimeout(timer),
  });
  const { status } = response;
  response.headers.delete("content-length");
  return new Response(answer, { status, headers: response.headers });
}
