import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type RequestListener,
} from "node:http";
import { createServer as createSecureServer } from "node:https";
import { connect, type Socket } from "node:net";
import type { Certified } from "./certificates.ts";
import { listenOnLoopback, OpenSockets } from "./loopback.ts";

export interface Asked {
  readonly method: string;
  /** `host:port` of a CONNECT, else the whole address. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
}

export interface HttpProxyOptions {
  /** What the proxy's DNS knows: `name:port` and where that really is. Anything else is answered 502. */
  readonly routes: Readonly<Record<string, string>>;
  /** `user:password` without which everything is answered 407. */
  readonly login?: string;
  readonly tls?: Certified;
  /** The status in place of a connection; 0 leaves the client without any answer. */
  readonly answer?: number;
  /** A tunnel is cut after that many bytes from the registry: the first one only. */
  readonly cutAfter?: number;
}

/** A forward proxy on loopback: tunnels for CONNECT, requests in absolute form passed on, and everything it was asked written down. */
export async function startHttpProxy(options: HttpProxyOptions) {
  const { routes, login, tls, answer } = options;
  const asked: Asked[] = [];
  const open = new OpenSockets();
  let cutAfter = options.cutAfter;
  const refusal = (headers: IncomingHttpHeaders, target: string): number | undefined => {
    const wanted = login === undefined ? undefined : `Basic ${Buffer.from(login).toString("base64")}`;
    if (wanted !== undefined && headers["proxy-authorization"] !== wanted) return 407;
    return answer ?? (routes[target] === undefined ? 502 : undefined);
  };
  const pass: RequestListener = (request, response) => {
    const { method = "", url = "", headers } = request;
    asked.push({ method, target: url, headers });
    if (!URL.canParse(url)) return response.writeHead(400).end();
    const { host, port, pathname, search } = new URL(url);
    const target = port === "" ? `${host}:80` : host;
    const status = refusal(headers, target);
    if (status === 0) return;
    if (status !== undefined) return response.writeHead(status).end();
    const { "proxy-authorization": _ours, ...rest } = headers;
    const [hostname, realPort] = routes[target]!.split(":");
    const on = httpRequest({
      hostname,
      port: realPort,
      method,
      path: pathname + search,
      headers: rest,
      agent: false,
    });
    on.on("response", (got) => {
      response.writeHead(got.statusCode ?? 502, got.headers);
      got.pipe(response);
    });
    on.on("error", () => response.destroy());
    request.pipe(on);
  };
  const server = tls ? createSecureServer({ cert: tls.cert, key: tls.key }, pass) : createServer(pass);
  server.on("connection", (socket: Socket) => open.keep(socket));
  server.on("connect", (request, client: Socket, head: Buffer) => {
    const { url = "", headers } = request;
    asked.push({ method: "CONNECT", target: url, headers });
    open.keep(client);
    const status = refusal(headers, url);
    if (status === 0) return client.on("end", () => client.end()).resume();
    if (status !== undefined)
      return client.end(`HTTP/1.1 ${status} As told\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
    const [hostname, port] = routes[url]!.split(":");
    const upstream = open.keep(connect(Number(port), hostname!));
    upstream.on("connect", () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      if (head.length > 0) upstream.write(head);
      client.pipe(upstream);
      upstream.pipe(client);
    });
    if (cutAfter === undefined) return;
    let left = cutAfter;
    cutAfter = undefined;
    upstream.on("data", (bytes: Buffer) => {
      left -= bytes.length;
      if (left < 0) for (const side of [client, upstream]) side.destroy();
    });
  });
  const host = await listenOnLoopback(server);
  return {
    host,
    url: `${tls ? "https" : "http"}://${host}`,
    asked,
    /** `CONNECT registry.test:443` and the like, in order. */
    lines: () => asked.map(({ method, target }) => `${method} ${target}`),
    connections: () => open.count,
    [Symbol.dispose]() {
      open.destroy();
      server.close();
    },
  };
}
