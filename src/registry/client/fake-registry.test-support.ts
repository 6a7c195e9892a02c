import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createSecureServer, type ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";
import { type ConnectOptions, Registry } from "./registry.ts";

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
}

export type Handle = (
  request: IncomingMessage,
  response: ServerResponse,
  count: number,
) => void | Promise<void>;

/**
 * A server on a real socket that does what the test says, with TLS if there are options for it; `count` is how often this method and path came
 * before.
 */
export async function serve(handle: Handle, tls?: ServerOptions) {
  const seen: Seen[] = [];
  const answer: RequestListener = (request, response) => {
    const [method, path] = [request.method!, request.url!];
    const count = seen.filter((each) => each.method === method && each.path === path).length;
    seen.push({ method, path, headers: request.headers });
    void handle(request, response, count);
  };
  const server = tls === undefined ? createServer(answer) : createSecureServer(tls, answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    seen,
    [Symbol.dispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** A client without patience, for plain HTTP. */
export async function impatient(host: string, options: ConnectOptions = {}): Promise<Registry> {
  return await Registry.connect(host, {
    settings: { url: new URL(`http://${host}`) },
    retry: { baseMs: 1, capMs: 5, attempts: 4, patienceMs: 2000 },
    stallMs: 250,
    ...options,
  });
}

export async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  return Buffer.concat(parts);
}

/** The code of what a promise fails with, and its whole text. */
export async function failure(work: Promise<unknown>): Promise<{ code: string; text: string }> {
  try {
    await work;
  } catch (error) {
    const { code, message, hint } = error as { code: string; message: string; hint?: string };
    return { code, text: `${message} ${hint ?? ""}` };
  }
  throw new Error("it did not fail");
}

export async function readAll(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
