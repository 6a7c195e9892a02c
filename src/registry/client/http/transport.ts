import { type ClientRequest, Agent as HttpAgent, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import { StrakeError, throwIfAborted } from "../../../errors/index.ts";
import type { ProxyServer } from "../proxy/address.ts";
import type { Proxies } from "../proxy/environment.ts";
import { proxyAnswer, proxyUnreachable } from "../proxy/proxy-error.ts";
import { openTunnel, proxyAddress, proxyHeaders } from "../proxy/tunnel.ts";
import { PlainTunnelAgent, TunnelAgent, tunnelTarget } from "../proxy/tunnel-agent.ts";
import { answerOf } from "./answer.ts";
import { bareHost } from "./bare-host.ts";
import { connectionError } from "./connection-error.ts";
import { feed } from "./feed.ts";
import { internalTarget, isInternalAddress, isInternalHost, publicLookup } from "./internal-address.ts";
import type { HttpRequest, HttpResponse, Send } from "./message.ts";
import { shownCertificate } from "./peer-certificate.ts";
import { StallWatch } from "./stall-watch.ts";
import { certificateError, isCertificateFailure } from "./tls-error.ts";

export interface TlsOptions {
  /** Certificates in PEM that are trusted besides the system's. */
  readonly ca?: readonly string[];
  /** Our own certificate and its key, in PEM. */
  readonly cert?: string;
  readonly key?: string;
  /** Any certificate is taken. */
  readonly insecure?: boolean;
}

export interface TransportOptions {
  readonly tls?: (url: URL) => TlsOptions | undefined;
  /** Milliseconds in which at least one byte must move while we wait for the other side. Default: 60 s. */
  readonly stallMs?: number;
  /** Milliseconds in which a connection must be made. Default: `stallMs`. */
  readonly dialMs?: (url: URL) => number | undefined;
  /** Milliseconds a registry may think about a change that it has whole. Default: 5 min (it hashes an upload). */
  readonly answerMs?: number;
  /** Whether a URL must not lead to this machine or a private network. Default: never. */
  readonly publicOnly?: (url: URL) => boolean;
  /** Which proxy a URL is asked through. Default: none. */
  readonly proxies?: Proxies;
}

export interface Transport {
  readonly send: Send;
  /** Closes idle connections. */
  close(): void;
}

/**
 * The end of the chain: one request over HTTP/1.1, by node:http, which is the same on Node and Bun and is the only
 * web client on both that takes a private CA. Errors: REGISTRY_UNREACHABLE, REGISTRY_TLS, REGISTRY_STALLED, CANCELED; with a
 * proxy REGISTRY_PROXY, REGISTRY_PROXY_DENIED, REGISTRY_CONFIG.
 */
export function createTransport(options: TransportOptions = {}): Transport {
  const stallMs = options.stallMs ?? 60_000;
  const answerMs = options.answerMs ?? Math.max(300_000, stallMs);
  const plain = new HttpAgent({ keepAlive: true });
  /** For proxies that speak TLS and are asked for plain HTTP. */
  const securePlain = new HttpsAgent({ keepAlive: true });
  /** For proxies that pass plain HTTP on unread. */
  let passed: HttpAgent | undefined;
  const secure = new Map<string, HttpsAgent>();
  const agentFor = (url: URL, proxy: ProxyServer | undefined) => {
    const dialMs = () => options.dialMs?.(url) ?? stallMs / 2;
    if (url.protocol === "http:") {
      if (proxy?.protocol !== "socks5") return proxy?.protocol === "https" ? securePlain : plain;
      passed ??= new PlainTunnelAgent({ keepAlive: true }, proxy, dialMs());
      return passed;
    }
    const known = secure.get(url.host);
    if (known) return known;
    const { insecure, ca, cert, key } = options.tls?.(url) ?? {};
    const settings = {
      keepAlive: true,
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(ca === undefined ? {} : { ca: [...ca] }),
      ...(insecure ? { rejectUnauthorized: false } : {}),
    };
    const agent = proxy === undefined ? new HttpsAgent(settings) : new TunnelAgent(settings, proxy, dialMs());
    secure.set(url.host, agent);
    return agent;
  };
  return {
    send: async (request) => {
      const publicOnly = options.publicOnly?.(request.url) ?? false;
      const dialMs = options.dialMs?.(request.url);
      const proxy = options.proxies?.(request.url);
      const agent = agentFor(request.url, proxy);
      return exchange(request, { agent, stallMs, answerMs, publicOnly, dialMs, proxy });
    },
    close() {
      for (const agent of [plain, securePlain, passed, ...secure.values()]) agent?.destroy();
    },
  };
}

interface Wire {
  readonly agent: HttpAgent | HttpsAgent;
  readonly stallMs: number;
  readonly answerMs: number;
  readonly publicOnly: boolean;
  readonly dialMs: number | undefined;
  readonly proxy: ProxyServer | undefined;
}

async function exchange(message: HttpRequest, wire: Wire): Promise<HttpResponse> {
  const { agent, stallMs, answerMs, publicOnly, proxy } = wire;
  const { url, method, body, signal } = message;
  throwIfAborted(signal);
  const hostname = bareHost(url.hostname);
  // An address is not looked up: it is judged here.
  if (publicOnly && isIP(hostname) !== 0 && isInternalAddress(hostname)) throw internalTarget(url.host);
  // A proxy looks names up itself; what our own DNS knows as internal it is not asked for either.
  if (publicOnly && proxy !== undefined && (await isInternalHost(hostname))) throw internalTarget(url.host);
  const headers: Record<string, string> = { ...message.headers, "accept-encoding": "identity" };
  if (body?.length !== undefined) headers["content-length"] = String(body.length);
  else if (body !== undefined) headers["transfer-encoding"] = "chunked";
  else if (method !== "GET" && method !== "HEAD") headers["content-length"] = "0";
  const lookup = publicOnly && proxy === undefined ? { lookup: publicLookup } : {};
  // Without TLS an HTTP proxy reads and sends the request itself (RFC 9112, 3.2.2).
  const forwarder = url.protocol === "http:" && proxy?.protocol !== "socks5" ? proxy : undefined;
  const tunneled = forwarder === undefined ? proxy : undefined;
  const target = tunnelTarget(hostname, url.port || (url.protocol === "https:" ? 443 : 80));
  const address =
    forwarder === undefined
      ? { protocol: url.protocol, hostname, port: url.port || undefined, path: url.pathname + url.search }
      : { ...proxyAddress(forwarder), path: url.origin + url.pathname + url.search };
  if (forwarder !== undefined) Object.assign(headers, { host: url.host, ...proxyHeaders(forwarder) });
  const connectionFailure = (error: unknown, isNew: boolean) =>
    forwarder === undefined ? connectionError(error, url, isNew) : proxyUnreachable(error, forwarder, target);
  return new Promise((resolve, reject) => {
    const request: ClientRequest = (address.protocol === "https:" ? httpsRequest : httpRequest)({
      ...{ ...address, ...lookup, method, headers, agent },
    });
    const state: { failure?: StrakeError; answered: boolean } = { answered: false };
    const fail = (error: StrakeError) => {
      state.failure ??= error;
      request.destroy();
      reject(state.failure);
    };
    const watch = new StallWatch(() =>
      fail(new StrakeError("REGISTRY_STALLED", `${url.host} moved no byte for ${watch.seconds} seconds`)),
    );
    const abort = () => fail(new StrakeError("CANCELED", "canceled", { cause: signal?.reason }));
    signal?.addEventListener("abort", abort, { once: true });
    const end = () => {
      watch.stop();
      signal?.removeEventListener("abort", abort);
    };
    request.on("error", (error) => {
      // A server that answers before it has read everything may close at once: the answer is what counts.
      if (state.answered) return;
      end();
      if (state.failure !== undefined || error instanceof StrakeError) reject(state.failure ?? error);
      else if (forwarder !== undefined || !isCertificateFailure(error))
        reject(connectionFailure(error, !request.reusedSocket));
      else
        void shownCertificate(url, {
          ...lookup,
          ...(tunneled === undefined
            ? {}
            : { through: () => openTunnel(target, tunneled, { ms: stallMs / 2 }) }),
        }).then((certificate) => reject(certificateError(error, url, certificate)));
    });
    request.on("response", (response) => {
      state.answered = true;
      if (forwarder !== undefined && response.statusCode === 407) {
        end();
        return fail(proxyAnswer(407, forwarder, target));
      }
      const answer = answerOf(response, { url, watch, stallMs, state, end });
      if (method === "HEAD" || response.statusCode === 204 || response.statusCode === 304) answer.discard();
      resolve(answer);
    });
    if (wire.dialMs !== undefined)
      limitDial(request, { ms: wire.dialMs, host: forwarder?.host ?? url.host, fail });
    watch.wait(stallMs);
    if (body === undefined) {
      request.end();
      watch.wait(method === "GET" || method === "HEAD" ? stallMs : answerMs);
    } else {
      const isOver = () => state.answered || state.failure !== undefined;
      feed(request, body, { isOver, moved: () => watch.wait(stallMs) }).then(
        () => {
          if (!isOver()) watch.wait(answerMs);
        },
        (error) => {
          end();
          request.destroy();
          reject(error);
        },
      );
    }
  });
}

/** Gives up a connection that is not there in time; TLS and the answer have theirs. */
function limitDial(
  request: ClientRequest,
  { ms, host, fail }: { ms: number; host: string; fail: (error: StrakeError) => void },
): void {
  request.once("socket", (socket) => {
    if (!socket.connecting) return;
    const timer = setTimeout(
      () =>
        fail(
          new StrakeError("REGISTRY_UNREACHABLE", `${host} took no connection within ${ms / 1000} seconds`),
        ),
      ms,
    );
    for (const event of ["connect", "close"]) socket.once(event, () => clearTimeout(timer));
  });
}
