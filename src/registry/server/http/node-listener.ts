import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { isIPv6 } from "node:net";
import { Line } from "./line.ts";
import { type Listener, type ListenOptions, listenerTLS, longestIdle } from "./listener.ts";
import { type BodyEvents, drain, messageBody } from "./message-body.ts";
import type { IncomingRequest } from "./request.ts";
import { sendResponse } from "./send-response.ts";

/**
 * Bun's server behind node:http: the one for storage that is slower than its clients. It stops reading a body that nobody asks for at
 * 64 KiB, asks a client that waits for it (`Expect: 100-continue`) for the body only when it is wanted, and sends streams with their length.
 * Rejects with what the system says when the address cannot be had.
 */
export async function listenWithNode(options: ListenOptions): Promise<Listener> {
  const { hostname, port, tls, answer, idleSeconds = longestIdle } = options;
  const server = createServer();
  // Bun's would also end a download that takes longer, and a connection that waits for us. Whoever waits for a client says for how long.
  server.setTimeout(0);
  server.keepAliveTimeout = idleSeconds * 1000;
  // An upload takes as long as it takes.
  server.requestTimeout = 0;
  const listening = once(server, "listening");
  // As Bun's own options: node's, in Bun, do not ask clients for certificates.
  server.listen({ host: hostname, port, ...(tls && { tls: listenerTLS(tls) }) });
  await listening;
  const address = server.address();
  const taken = typeof address === "object" && address ? address.port : port;
  const host = isIPv6(hostname) ? `[${hostname}]` : hostname;
  return new NodeListener(server, new URL(`${tls ? "https" : "http"}://${host}:${taken}/`), {
    answer,
    patience: idleSeconds * 1000,
  });
}

class NodeListener implements Listener {
  readonly url: URL;
  readonly #server: Server;
  readonly #answer: ListenOptions["answer"];
  readonly #patience: number;
  readonly #answers = new Set<ServerResponse>();
  readonly #line = new Line();
  #closed: Promise<unknown> | undefined;

  constructor(
    server: Server,
    url: URL,
    { answer, patience }: Pick<ListenOptions, "answer"> & { patience: number },
  ) {
    this.url = url;
    this.#server = server;
    this.#answer = answer;
    this.#patience = patience;
    server.on("request", (message, response) => void this.#serve(message, response));
    server.on("checkContinue", (message, response) => void this.#serve(message, response, { waits: true }));
    server.on("connect", (_, socket) => {
      socket.end("HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    });
  }

  get inFlight(): number {
    return this.#answers.size;
  }

  async stop(force: boolean): Promise<void> {
    if (!this.#closed) {
      this.#closed = once(this.#server, "close");
      this.#server.close();
    }
    if (force) this.#server.closeAllConnections();
    else this.#closeIfIdle();
    await this.#closed;
  }

  /** Ends the connections that wait for a request, or are in the middle of one, after the last answer. */
  #closeIfIdle(): void {
    if (this.#closed && this.#answers.size === 0) this.#server.closeAllConnections();
  }

  /** `waits`: the client sends the body when it is asked for it (RFC 9110, section 10.1.1). */
  async #serve(message: IncomingMessage, response: ServerResponse, { waits = false } = {}): Promise<void> {
    this.#answers.add(response);
    // Nobody knows it any more when the connection has ended.
    const { remoteAddress = "" } = message.socket;
    response.once("close", () => {
      this.#answers.delete(response);
      this.#closeIfIdle();
    });
    try {
      if (!(await this.#line.wait(message, response))) {
        message.socket.destroy();
        return;
      }
      const begin = () => {
        if (waits) response.writeContinue();
        waits = false;
      };
      const request = readRequest(message, { begin, patience: this.#patience });
      const isFramed = hasKnownFraming(request);
      const answer = isFramed
        ? await this.#answer(request, remoteAddress)
        : new Response(null, { status: 501 });
      // Who waits may send the body all the same, or never: nothing that follows can be told from it.
      const refused = waits && request.body !== null;
      const isRead = () => request.body === null || message.complete;
      // A proxy must not take the connection for free while the rest is on its way: HAProxy 2.6 would send somebody else's request where the body should go on.
      if (refused || !isRead() || !isFramed || this.#closed) response.setHeader("Connection", "close");
      const patience = refused ? Math.min(lingerSeconds * 1000, this.#patience) : this.#patience;
      await sendResponse(answer, response, {
        patience: this.#patience,
        rest: () => (isRead() ? undefined : drain(message, patience)),
      });
      if (!isRead() && !refused) response.destroy();
    } catch {
      response.destroy();
    }
  }
}

/** Seconds without a byte for which a body is still awaited that was refused to who asked first whether to send it. */
const lingerSeconds = 3;

/** Bun takes other codings than `chunked` for it, or for nothing (RFC 9112, section 6.1). */
function hasKnownFraming({ headers }: IncomingRequest): boolean {
  const coding = headers.get("transfer-encoding");
  return coding === null || coding.toLowerCase() === "chunked";
}

function readRequest(message: IncomingMessage, events: BodyEvents): IncomingRequest {
  const { method = "", url = "", rawHeaders } = message;
  const headers = new Headers();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) headers.append(rawHeaders[i]!, rawHeaders[i + 1]!);
  // Repeated and the same, which Bun lets pass, it is one (RFC 9112, section 6.3).
  const length = headers.get("content-length")?.split(",", 1)[0];
  if (length !== undefined) headers.set("content-length", length);
  const hasBody = headers.has("transfer-encoding") || Number(length ?? 0) > 0;
  return {
    method,
    headers,
    url: `http://registry${pathOf(url)}`,
    body: hasBody ? messageBody(message, events) : null,
  };
}

/** A target may name the server too, as one for a proxy does (RFC 9112, section 3.2.2). */
function pathOf(target: string): string {
  if (target.startsWith("/")) return target;
  const path = target.replace(/^https?:\/\/[^/?]*/i, "");
  return path.startsWith("/") ? path : `/${path}`;
}
