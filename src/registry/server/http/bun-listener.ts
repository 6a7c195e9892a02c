import { lingering } from "./linger.ts";
import { type Listener, type ListenOptions, listenerTLS, longestIdle } from "./listener.ts";

/**
 * Bun's own server: the one for small answers in numbers and for files, which it has the kernel send. It reads up to a MiB of a body that nobody
 * asks for, and sends streams without their length. Throws what the system says when the address cannot be had.
 */
export function listenWithBun(options: ListenOptions): Listener {
  const { hostname, port, tls, answer, idleSeconds = longestIdle } = options;
  const server: Bun.Server<undefined> = Bun.serve({
    ...{ hostname, port, tls: tls && listenerTLS(tls) },
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    idleTimeout: idleSeconds,
    development: false,
    // Without saying so Bun lets a second process listen on the same port.
    reusePort: false,
    fetch: (request) => {
      // Now: nobody knows it any more when the connection has ended.
      const answered = answer(request, server.requestIP(request)?.address ?? "");
      return request.method === "GET" || request.method === "HEAD" ? answered : lingering(request, answered);
    },
    error: () => new Response(null, { status: 500 }),
  });
  return {
    url: server.url,
    get inFlight() {
      return server.pendingRequests;
    },
    stop: (force) => server.stop(force),
  };
}
