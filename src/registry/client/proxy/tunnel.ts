import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP, type Socket } from "node:net";
import type { ProxyServer } from "./address.ts";
import { proxyAnswer, proxySilent, proxyUnreachable } from "./proxy-error.ts";
import { openSocksTunnel } from "./socks.ts";

/** How an HTTP proxy is connected to: options of node:http and node:https. */
export function proxyAddress(proxy: ProxyServer) {
  const { hostname, port, protocol, ca } = proxy;
  if (protocol !== "https") return { protocol: "http:", hostname, port };
  // Else the name would be taken from the header Host, which is the registry's.
  const servername = isIP(hostname) === 0 ? hostname : "";
  return { protocol: "https:", hostname, port, servername, ...(ca ? { ca: [...ca] } : {}) };
}

export function proxyHeaders({ login }: ProxyServer): Record<string, string> {
  if (login === undefined) return {};
  const { username, password } = login;
  return { "proxy-authorization": `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}` };
}

/** What is being made: a request or a socket. */
export interface Dialing {
  destroy(): unknown;
  once(event: "close", listener: () => void): unknown;
}

export interface TunnelOptions {
  /** Milliseconds in which the proxy must have made it. */
  readonly ms: number;
  /** Is told of what is being made, to destroy it. */
  readonly onDial?: (dialing: Dialing) => void;
}

/**
 * A connection to a host through a proxy. The proxy learns the host and the port and, where TLS is spoken with the host, nothing of what is said
 * there. `target`: host and port. Errors: REGISTRY_PROXY, REGISTRY_PROXY_DENIED, REGISTRY_CONFIG.
 */
export function openTunnel(target: string, proxy: ProxyServer, options: TunnelOptions): Promise<Socket> {
  return proxy.protocol === "socks5"
    ? openSocksTunnel(target, proxy, options)
    : openHttpTunnel(target, proxy, options);
}

/** CONNECT: RFC 9110, 9.3.6. */
function openHttpTunnel(target: string, proxy: ProxyServer, { ms, onDial }: TunnelOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const request = (proxy.protocol === "https" ? httpsRequest : httpRequest)({
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
