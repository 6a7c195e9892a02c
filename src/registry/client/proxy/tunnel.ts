import { type ClientRequest, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP, type Socket } from "node:net";
import type { HttpProxy } from "./environment.ts";
import { proxyAnswer, proxySilent, proxyUnreachable } from "./proxy-error.ts";

/** How a proxy is connected to: options of node:http and node:https. */
export function proxyAddress(proxy: HttpProxy) {
  const { hostname, port, secure, ca } = proxy;
  if (!secure) return { protocol: "http:", hostname, port };
  // Else the name would be taken from the header Host, which is the registry's.
  const servername = isIP(hostname) === 0 ? hostname : "";
  return { protocol: "https:", hostname, port, servername, ...(ca ? { ca: [...ca] } : {}) };
}

export function proxyHeaders({ authorization }: HttpProxy): Record<string, string> {
  return authorization === undefined ? {} : { "proxy-authorization": authorization };
}

export interface TunnelOptions {
  /** Milliseconds in which the proxy must have made it. */
  readonly ms: number;
  /** Is told of the request, to destroy it. */
  readonly onDial?: (request: ClientRequest) => void;
}

/**
 * A connection to a host through a proxy (CONNECT: RFC 9110, 9.3.6). The proxy learns the host and the port and nothing of what is said there.
 * `target`: host and port. Errors: REGISTRY_PROXY, REGISTRY_PROXY_DENIED.
 */
export function openTunnel(target: string, proxy: HttpProxy, { ms, onDial }: TunnelOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const request = (proxy.secure ? httpsRequest : httpRequest)({
      ...proxyAddress(proxy),
      ...{ method: "CONNECT", path: target, agent: false },
      headers: { host: target, ...proxyHeaders(proxy) },
    });
    const timer = setTimeout(() => {
      reject(proxySilent(proxy, target, ms));
      request.destroy();
    }, ms);
    request.on("connect", (response, socket: Socket, head) => {
      clearTimeout(timer);
      const status = response.statusCode ?? 0;
      if (status >= 200 && status < 300) {
        if (head.length > 0) socket.unshift(head);
        return resolve(socket);
      }
      socket.on("error", () => {}).destroy();
      reject(proxyAnswer(status, proxy, target));
    });
    request.on("error", (error) => {
      clearTimeout(timer);
      reject(proxyUnreachable(error, proxy, target));
    });
    request.on("close", () => {
      clearTimeout(timer);
      reject(proxyUnreachable(new Error("closed without an answer"), proxy, target));
    });
    onDial?.(request);
    request.end();
  });
}
