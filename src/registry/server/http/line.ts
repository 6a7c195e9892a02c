import type { IncomingMessage, ServerResponse } from "node:http";

/** Requests of one connection whose answers are awaited, beyond which it is cut. */
const longestLine = 100;

/**
 * The requests of a connection, one after the other. Bun would have all that a client sends ahead answered at once, into memory, and loses bytes of a
 * body that comes while an earlier answer is sent (oven-sh/bun#43527).
 */
export class Line {
  readonly #connections = new WeakMap<object, { length: number; last: Promise<void> }>();

  /** Resolves when it is this request's turn: with false when the connection is to be cut in place of an answer. */
  async wait(message: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const line = this.#connections.get(message.socket) ?? { length: 0, last: Promise.resolve() };
    this.#connections.set(message.socket, line);
    const before = line.length > 0 ? line.last : undefined;
    line.length++;
    line.last = new Promise((resolve) =>
      response.once("close", () => {
        line.length--;
        resolve();
      }),
    );
    if (!before) return true;
    if (line.length > longestLine) return false;
    await before;
    if (message.socket.destroyed || response.destroyed) return false;
    // Only a request without a body may come ahead: clients send it again when the connection ends (RFC 9112, section 9.3.2).
    const { headers } = message;
    return headers["transfer-encoding"] === undefined && Number(headers["content-length"] ?? 0) === 0;
  }
}
