import { StrakeError } from "../../../errors/index.ts";
import { bareHost } from "../http/bare-host.ts";

/** A proxy that requests go through. */
export interface ProxyServer {
  /** What it speaks: HTTP, HTTP inside of TLS, SOCKS of version 5. */
  readonly protocol: "http" | "https" | "socks5";
  /** As messages show it: never with its credentials. */
  readonly host: string;
  readonly hostname: string;
  readonly port: number;
  /** Whom we trust to say who a proxy with TLS is, in PEM. Absent: whom the program trusts by itself. */
  readonly ca?: readonly string[];
  /** Nobody but the proxy gets it. */
  readonly login?: { readonly username: string; readonly password: string };
  /** What names it: a variable, or a file and a place in it. */
  readonly namedBy: string;
  /** NO_PROXY counts for nothing: a file says that this host is asked through the proxy. */
  readonly always?: boolean;
}

const ports = { http: 80, https: 443, socks5: 1080 } as const;

/**
 * Reads the address of a proxy: `http`, `https`, `socks5` or `socks5h` (which are one: the proxy looks names up), without a scheme HTTP.
 * The text itself may hold a password and is in no message. Errors: REGISTRY_CONFIG.
 */
export function parseProxy(text: string, namedBy: string): ProxyServer {
  const bad = (what: string) =>
    new StrakeError("REGISTRY_CONFIG", `${namedBy} ${what}`, {
      hint: "it is like http://proxy.example:3128 or socks5h://proxy.example:1080, with USER:PASSWORD@ before the host where the proxy wants that",
    });
  const address = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  if (!URL.canParse(address)) throw bad("is no address of a proxy");
  const url = new URL(address);
  const scheme = url.protocol.slice(0, -1);
  const protocol = scheme === "socks5h" ? "socks5" : scheme;
  if (!isKnown(protocol))
    throw bad(`names a proxy of kind ${scheme}; http, https, socks5 and socks5h are known`);
  const hostname = bareHost(url.hostname);
  if (hostname === "") throw bad("is no address of a proxy");
  const login = { username: decode(url.username), password: decode(url.password) };
  // RFC 1929, 2: a byte says how long each is.
  if (protocol === "socks5" && Object.values(login).some((each) => Buffer.byteLength(each) > 255))
    throw bad("has a name or a password of more than 255 bytes, which SOCKS5 cannot send");
  return {
    ...{ protocol, host: url.host, hostname, namedBy },
    port: Number(url.port || ports[protocol]),
    ...(login.username === "" && login.password === "" ? {} : { login }),
  };
}

function isKnown(protocol: string): protocol is ProxyServer["protocol"] {
  return Object.hasOwn(ports, protocol);
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
