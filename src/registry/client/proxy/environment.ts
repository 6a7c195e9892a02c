import { readFileSync } from "node:fs";
import { StrakeError } from "../../../errors/index.ts";
import { systemAuthorities } from "../hosts/system-authorities.ts";
import { isThisMachine, parseNoProxy } from "./no-proxy.ts";

/** A proxy that requests go through. */
export interface HttpProxy {
  /** As messages show it: never with its credentials. */
  readonly host: string;
  readonly hostname: string;
  readonly port: number;
  /** TLS is spoken to the proxy itself. */
  readonly secure: boolean;
  /** Whom we trust to say who a secure proxy is, in PEM. Absent: whom the program trusts by itself. */
  readonly ca?: readonly string[];
  /** For the header Proxy-Authorization; nobody but the proxy gets it. */
  readonly authorization?: string;
  /** The variable that names it. */
  readonly variable: string;
}

/** The proxy that an address is asked through; undefined: none. Errors: REGISTRY_CONFIG. */
export type Proxies = (url: URL) => HttpProxy | undefined;

/**
 * What HTTPS_PROXY, HTTP_PROXY and NO_PROXY say, in capitals or not, as Go's programs read them (docker, skopeo, crane). The scheme of
 * the address that is asked decides which of them counts. This machine is never asked through a proxy.
 */
export function proxiesOf(env: Readonly<Record<string, string | undefined>>): Proxies {
  const exempt = parseNoProxy(env.NO_PROXY || env.no_proxy || "");
  const known = new Map<string, HttpProxy | undefined>();
  return (url) => {
    const hostname = url.hostname.replace(/^\[|\]$/g, "");
    const isSecure = url.protocol === "https:";
    if (isThisMachine(hostname) || exempt(hostname, url.port || (isSecure ? "443" : "80"))) return undefined;
    if (!known.has(url.protocol))
      known.set(
        url.protocol,
        firstOf(env, isSecure ? ["HTTPS_PROXY", "https_proxy"] : ["HTTP_PROXY", "http_proxy"]),
      );
    return known.get(url.protocol);
  };
}

function firstOf(
  env: Readonly<Record<string, string | undefined>>,
  names: readonly string[],
): HttpProxy | undefined {
  const variable = names.find((name) => env[name]?.trim());
  return variable === undefined ? undefined : parse(env[variable]!.trim(), variable, env.SSL_CERT_FILE);
}

/** The text itself may hold a password and is in no message. */
function parse(text: string, variable: string, caFile: string | undefined): HttpProxy {
  const address = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const bad = (what: string) =>
    new StrakeError("REGISTRY_CONFIG", `${variable} ${what}`, {
      hint: "it is like http://proxy.example:3128, with USER:PASSWORD@ before the host where the proxy wants that",
    });
  if (!URL.canParse(address)) throw bad("is no address of a proxy");
  const url = new URL(address);
  const secure = url.protocol === "https:";
  if (!secure && url.protocol !== "http:")
    throw bad(`names a proxy of kind ${url.protocol.slice(0, -1)}; http and https are known`);
  const login = `${decode(url.username)}:${decode(url.password)}`;
  const ca = secure ? authorities(caFile) : [];
  return {
    ...{ host: url.host, hostname: url.hostname.replace(/^\[|\]$/g, ""), secure, variable },
    port: Number(url.port || (secure ? 443 : 80)),
    ...(ca.length > 0 ? { ca } : {}),
    ...(login === ":" ? {} : { authorization: `Basic ${Buffer.from(login).toString("base64")}` }),
  };
}

function authorities(file: string | undefined): string[] {
  if (!file) return systemAuthorities();
  try {
    return [readFileSync(file, "utf8"), ...systemAuthorities()];
  } catch (cause) {
    throw new StrakeError("REGISTRY_CONFIG", `${file}, which SSL_CERT_FILE names, cannot be read`, { cause });
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
