import { STATUS_CODES } from "node:http";
import { StrakeError } from "../../../errors/index.ts";
import { reportOf } from "../http/connection-error.ts";
import type { ProxyServer } from "./address.ts";

/** Why nothing came through a proxy, where the proxy itself is the reason. `target`: host and port that was wanted. */
export function proxyUnreachable(error: unknown, proxy: ProxyServer, target: string): StrakeError {
  const { code, detail } = reportOf(error);
  const options = { cause: error, hint: where(proxy, target) };
  if (code === "ECONNREFUSED")
    return new StrakeError("REGISTRY_PROXY", `nothing listens at the proxy ${proxy.host}`, options);
  if (code === "ENOTFOUND" || code === "EAI_AGAIN")
    return new StrakeError("REGISTRY_PROXY", `the proxy ${proxy.hostname} cannot be found`, options);
  if (proxy.protocol === "https" && /CERT|SIGNATURE|UNABLE_TO|ERR_TLS|SSL|EPROTO|wrong.version/i.test(detail))
    return new StrakeError("REGISTRY_PROXY", `no trusted connection to the proxy ${proxy.host}: ${detail}`, {
      cause: error,
      hint: `name its CA in SSL_CERT_FILE; if it speaks plain HTTP, ${proxy.namedBy} begins with http://`,
    });
  return new StrakeError(
    "REGISTRY_PROXY",
    `the connection to the proxy ${proxy.host} was lost: ${detail}`,
    options,
  );
}

/** A proxy that accepts a connection and then says nothing. */
export function proxySilent(proxy: ProxyServer, target: string, ms: number): StrakeError {
  return new StrakeError(
    "REGISTRY_PROXY",
    `the proxy ${proxy.host} made no connection to ${target} within ${ms / 1000} seconds`,
    { hint: where(proxy, target) },
  );
}

/** What a proxy says in place of the registry. */
export function proxyAnswer(status: number, proxy: ProxyServer, target: string): StrakeError {
  if (status === 407) return proxyWantsLogin(proxy, "407");
  const said = `${status} ${STATUS_CODES[status] ?? ""}`.trim();
  return status < 500 ? proxyForbids(said, proxy, target) : proxyFailed(said, proxy, target);
}

/** A proxy that serves only those it knows. `said`: in its own words. */
export function proxyWantsLogin(proxy: ProxyServer, said: string): StrakeError {
  return new StrakeError(
    "REGISTRY_PROXY_DENIED",
    `the proxy ${proxy.host} ${proxy.login === undefined ? "wants credentials" : "does not take our credentials"} (${said})`,
    {
      hint: `put them into ${proxy.namedBy} as ${proxy.protocol}://USER:PASSWORD@HOST:PORT, special characters as %XX`,
    },
  );
}

/** A proxy that will not. */
export function proxyForbids(said: string, proxy: ProxyServer, target: string): StrakeError {
  return new StrakeError(
    "REGISTRY_PROXY_DENIED",
    `the proxy ${proxy.host} does not connect us to ${target}: ${said}`,
    { hint: ["ask whoever runs the proxy to allow it", ...without(proxy, target)].join("; ") },
  );
}

/** A proxy that cannot. */
export function proxyFailed(said: string, proxy: ProxyServer, target: string): StrakeError {
  return new StrakeError(
    "REGISTRY_PROXY",
    `the proxy ${proxy.host} got no connection to ${target}: ${said}`,
    { hint: ["check the registry's name and port", ...without(proxy, target)].join("; ") },
  );
}

/** What is there speaks something else. */
export function proxySpeaksOtherwise(proxy: ProxyServer): StrakeError {
  return new StrakeError("REGISTRY_CONFIG", `${proxy.host} does not speak SOCKS5`, {
    hint: `${proxy.namedBy} names it: check the port; if it is an HTTP proxy, its address begins with http://`,
  });
}

function where(proxy: ProxyServer, target: string): string {
  return [`${proxy.namedBy} names it: check that`, ...without(proxy, target)].join("; ");
}

function without({ always }: ProxyServer, target: string): string[] {
  if (always) return [];
  return [
    `a registry that is reached without a proxy is named in NO_PROXY (${target.replace(/:[0-9]+$/, "")})`,
  ];
}
