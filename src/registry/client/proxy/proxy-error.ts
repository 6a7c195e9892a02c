import { STATUS_CODES } from "node:http";
import { StrakeError } from "../../../errors/index.ts";
import type { HttpProxy } from "./environment.ts";

/** Why nothing came through a proxy, where the proxy itself is the reason. `target`: host and port that was wanted. */
export function proxyUnreachable(error: unknown, proxy: HttpProxy, target: string): StrakeError {
  const { code } = (error ?? {}) as { code?: unknown };
  const detail = typeof code === "string" ? code : error instanceof Error ? error.message : String(error);
  const options = { cause: error, hint: where(proxy, target) };
  if (code === "ECONNREFUSED")
    return new StrakeError("REGISTRY_PROXY", `nothing listens at the proxy ${proxy.host}`, options);
  if (code === "ENOTFOUND" || code === "EAI_AGAIN")
    return new StrakeError("REGISTRY_PROXY", `the proxy ${proxy.hostname} cannot be found`, options);
  if (proxy.secure && /CERT|SIGNATURE|UNABLE_TO|ERR_TLS|SSL|EPROTO|wrong.version/i.test(detail))
    return new StrakeError("REGISTRY_PROXY", `no trusted connection to the proxy ${proxy.host}: ${detail}`, {
      cause: error,
      hint: `name its CA in SSL_CERT_FILE; if it speaks plain HTTP, ${proxy.variable} begins with http://`,
    });
  return new StrakeError(
    "REGISTRY_PROXY",
    `the connection to the proxy ${proxy.host} was lost: ${detail}`,
    options,
  );
}

/** A proxy that accepts a connection and then says nothing. */
export function proxySilent(proxy: HttpProxy, target: string, ms: number): StrakeError {
  return new StrakeError(
    "REGISTRY_PROXY",
    `the proxy ${proxy.host} made no connection to ${target} within ${ms / 1000} seconds`,
    { hint: where(proxy, target) },
  );
}

/** What a proxy says in place of the registry. */
export function proxyAnswer(status: number, proxy: HttpProxy, target: string): StrakeError {
  if (status === 407)
    return new StrakeError(
      "REGISTRY_PROXY_DENIED",
      `the proxy ${proxy.host} ${proxy.authorization === undefined ? "wants credentials" : "does not take our credentials"} (407)`,
      {
        hint: `put them into ${proxy.variable} as http://USER:PASSWORD@HOST:PORT, special characters as %XX`,
      },
    );
  const said = `${status} ${STATUS_CODES[status] ?? ""}`.trim();
  if (status < 500)
    return new StrakeError(
      "REGISTRY_PROXY_DENIED",
      `the proxy ${proxy.host} does not connect us to ${target}: ${said}`,
      { hint: `ask whoever runs the proxy to allow it; ${without(target)}` },
    );
  return new StrakeError(
    "REGISTRY_PROXY",
    `the proxy ${proxy.host} got no connection to ${target}: ${said}`,
    { hint: `check the registry's name and port; ${without(target)}` },
  );
}

function where({ variable }: HttpProxy, target: string): string {
  return `${variable} names it: check that; ${without(target)}`;
}

function without(target: string): string {
  return `a registry that is reached without a proxy is named in NO_PROXY (${target.replace(/:[0-9]+$/, "")})`;
}
