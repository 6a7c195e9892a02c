import { connect, type Socket } from "node:net";
import type { Listener } from "./listener.ts";

/** A connection, and all it has been sent. */
export class Connection implements Disposable {
  readonly socket: Socket;
  /** What went wrong with it. */
  error: string | undefined;
  readonly closed: Promise<void>;
  received = "";

  constructor(to: Listener, text: string) {
    this.socket = connect(Number(to.url.port), to.url.hostname);
    this.closed = new Promise((resolve) => this.socket.on("close", () => resolve()));
    this.socket.on("data", (data) => {
      this.received += data;
    });
    this.socket.on("error", ({ message }) => {
      this.error = message;
    });
    this.socket.write(text);
  }

  async has(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.received)) {
      if (this.socket.destroyed) throw new Error(`closed after ${JSON.stringify(this.received)}`);
      await Bun.sleep(2);
    }
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

/** A request's line and headers. */
export const head = (line: string, ...headers: string[]) =>
  [`${line} HTTP/1.1`, "Host: x", ...headers, "", ""].join("\r\n");
