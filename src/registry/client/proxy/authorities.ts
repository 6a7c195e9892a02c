import { readFileSync } from "node:fs";
import { StrakeError } from "../../../errors/index.ts";
import { systemAuthorities } from "../hosts/system-authorities.ts";
import type { ProxyServer } from "./address.ts";

/** The proxy with those who may say who it is, where it speaks TLS: the system's, SSL_CERT_FILE's and `more`, in PEM. Errors: REGISTRY_CONFIG. */
export function withProxyAuthorities(
  proxy: ProxyServer,
  env: Readonly<Record<string, string | undefined>>,
  more: readonly string[] = [],
): ProxyServer {
  if (proxy.protocol !== "https") return proxy;
  const ca = [...more, ...named(env.SSL_CERT_FILE), ...systemAuthorities()];
  return ca.length > 0 ? { ...proxy, ca } : proxy;
}

function named(file: string | undefined): string[] {
  if (!file) return [];
  try {
    return [readFileSync(file, "utf8")];
  } catch (cause) {
    throw new StrakeError("REGISTRY_CONFIG", `${file}, which SSL_CERT_FILE names, cannot be read`, { cause });
  }
}
