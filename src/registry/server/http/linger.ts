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
 * An answer as it reaches a client that is still sending. A proxy must not take the connection for free while the rest is on its way (HAProxy 2.6 would
 * send somebody else's request where the body should go on), so the answer ends it; as it does where the connection is for one request alone (skopeo,
 * podman and buildah ask for that). Bun.serve closes such a connection as soon as it has answered, and what still comes then takes the answer with it
 * (RFC 9112, section 9.6): so the answer's end waits a moment, in which Bun takes what comes and drops it. A small body that nobody read comes first.
 */
export async function lingering(
  request: IncomingRequest & Pick<Request, "bodyUsed" | "arrayBuffer">,
  answered: Promise<Response>,
): Promise<Response> {
  const response = await answered;
  const { body, headers } = request;
  const isForOne = headers.get("connection")?.toLowerCase() === "close";
  if (!body || response.status < 400 || !(isForOne || isOfProxy(headers))) return response;
  if (request.bodyUsed ? !left.has(body) : await comes(request)) return response;
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
  response.headers.set("connection", "close");
  return new Response(answer, { status, headers: response.headers });
}

/** Whether others may have their requests sent on the same connection. */
function isOfProxy(headers: Headers): boolean {
  return ["x-forwarded-for", "forwarded", "via"].some((name) => headers.has(name));
}

/** Waits a moment for all of a body that Bun reads anyway. Of a longer one no more is wanted. */
async function comes(request: IncomingRequest & Pick<Request, "arrayBuffer">): Promise<boolean> {
  if (!(Number(request.headers.get("content-length") ?? readAnyway) < readAnyway)) {
    request.body?.cancel().catch(() => {});
    return false;
  }
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(resolve, patience, false);
  const whole = request.arrayBuffer().then(
    () => true,
    () => true,
  );
  return Promise.race([whole, promise]).finally(() => clearTimeout(timer));
}
