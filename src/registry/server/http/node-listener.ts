import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { isIPv6 } from "node:net";
import { idleSeconds, type Listener, type ListenOptions, listenerTLS } from "./listener.ts";
import { messageBody } from "./message-body.ts";
import type { IncomingRequest } from "./request.ts";
import { sendResponse } from "./send-response.ts";

/**
 * Bun's server behind node:http: the one for storage that is slower than its clients. It stops reading a body that nobody asks for at
 * 64 KiB, asks a client that waits for it (`Expect: 100-continue`) for the body only when it is wanted, and sends streams with their length.
 * Rejects with what the system says when the address cannot be had.
 */
export async function listenWithNode({ hostname, port, tls, answer }: ListenOptions): Promise<Listener> {
  const server = createServer();
  server.setTimeout(idleSeconds * 1000);
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
  return new NodeListener(server, new URL(`${tls ? "https" : "http"}://${host}:${taken}/`), answer);
}

class NodeListener implements Listener {
  readonly url: URL;
  readonly #server: Server;
  readonly #answer: ListenOptions["answer"];
  readonly #answers = new Set<ServerResponse>();
  #closed: Promise<unknown> | undefined;

  constructor(server: Server, url: URL, answer: ListenOptions["answer"]) {
    this.url = url;
    this.#server = server;
    this.#answer = answer;
    server.on("request", (message, response) => void this.#serve(message, response));
    server.on("checkContinue", (message, response) => void this.#serve(message, response, { waits: true }));
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
    response.once("close", () => {
      this.#answers.delete(response);
      this.#closeIfIdle();
    });
    try {
      const begin = () => {
        if (waits) response.writeContinue();
        waits = false;
      };
      const answer = await this.#answer(
        readRequest(message, begin),
        () => message.socket.remoteAddress ?? "",
      );
      if (waits || this.#closed) response.setHeader("Connection", "close");
      await sendResponse(answer, response);
      // What nobody wanted of the body comes before the next request.
      if (!message.complete) message.removeAllListeners("data").resume();
    } catch {
      response.destroy();
    }
  }
}

function readRequest(message: IncomingMessage, begin: () => void): IncomingRequest {
  const { method = "", url = "", rawHeaders } = message;
  const headers = new Headers();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) headers.append(rawHeaders[i]!, rawHeaders[i + 1]!);
  const hasBody = headers.has("transfer-encoding") || Number(headers.get("content-length") ?? 0) > 0;
  return {
    method,
    headers,
    url: `http://registry${url}`,
    body: hasBody ? messageBody(message, { begin }) : null,
  };
}
