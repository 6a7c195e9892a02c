import { bareHost } from "../http/bare-host.ts";
import { type ProxyServer, parseProxy } from "./address.ts";
import { withProxyAuthorities } from "./authorities.ts";
import { isThisMachine, parseNoProxy } from "./no-proxy.ts";

/** The proxy that an address is asked through; undefined: none. Errors: REGISTRY_CONFIG. */
export type Proxies = (url: URL) => ProxyServer | undefined;

/**
 * What HTTPS_PROXY, HTTP_PROXY and NO_PROXY say, in capitals or not, as Go's programs read them (docker, skopeo, crane), and ALL_PROXY, which
 * counts where the other two are silent, as for curl. The scheme of the address that is asked decides which of them counts. This machine is never
 * asked through a proxy.
 */
export function proxiesOf(env: Readonly<Record<string, string | undefined>>): Proxies {
  const exempt = parseNoProxy(env.NO_PROXY || env.no_proxy || "");
  const known = new Map<string, ProxyServer | undefined>();
  return (url) => {
    const hostname = bareHost(url.hostname);
    const isSecure = url.protocol === "https:";
    if (isThisMachine(hostname) || exempt(hostname, url.port || (isSecure ? "443" : "80"))) return undefined;
    if (!known.has(url.protocol)) known.set(url.protocol, firstOf(env, isSecure ? secureNames : plainNames));
    return known.get(url.protocol);
  };
}

const secureNames = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
const plainNames = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

function firstOf(
  env: Readonly<Record<string, string | undefined>>,
  names: readonly string[],
): ProxyServer | undefined {
  const variable = names.find((name) => env[name]?.trim());
  if (variable === undefined) return undefined;
  return withProxyAuthorities(parseProxy(env[variable]!.trim(), variable), env);
}
