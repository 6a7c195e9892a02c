import { StrakeError } from "../../../errors/index.ts";

/** What is to be done about a server of TLS that was asked in plain HTTP. */
export const nameWithTLS = "if it speaks TLS, write https:// where it is named with http:// (hosts.toml)";

/** Whether the other side speaks TLS and ended it for our certificate, or for want of one. */
export function isCertificateAlert(error: unknown): boolean {
  const { detail } = reportOf(error);
  return /alert/i.test(detail) && /certificate/i.test(detail);
}

/** What node reports of a connection, in the user's words. Never the URL's query or credentials. `isNew`: nothing was ever answered on it. */
export function connectionError(error: unknown, url: URL, isNew = false): StrakeError {
  const { code, detail } = reportOf(error);
  const options = { cause: error };
  if (isCertificateAlert(error))
    return new StrakeError(
      "REGISTRY_TLS",
      `${url.host} does not take our certificate, or wants one: ${detail}`,
      {
        ...options,
        hint: `put a client's certificate and key into /etc/containers/certs.d/${url.host}/ as client.cert and client.key`,
      },
    );
  if (
    /CERT|SIGNATURE|SELF_SIGNED|UNABLE_TO|ERR_TLS|SSL|EPROTO|HOSTNAME_MISMATCH|wrong version number/i.test(
      detail,
    )
  )
    return new StrakeError("REGISTRY_TLS", `no trusted connection to ${url.host}: ${detail}`, {
      ...options,
      hint: speaksPlainly(error)
        ? `it seems to speak plain HTTP: if that is meant, mark it insecure (--insecure, registries.conf)`
        : `put its CA into /etc/containers/certs.d/${url.host}/ca.crt, or mark it insecure (--insecure, registries.conf)`,
    });
  if (code === "ENOTFOUND" || code === "EAI_AGAIN")
    return new StrakeError("REGISTRY_UNREACHABLE", `the host ${url.hostname} cannot be found`, {
      ...options,
      hint: "check the registry's name and this machine's DNS",
    });
  if (code === "ECONNREFUSED")
    return new StrakeError("REGISTRY_UNREACHABLE", `nothing listens at ${url.host}`, {
      ...options,
      hint: "check the port, and whether the registry runs",
    });
  // Some servers of TLS say what is wrong (answer-error.ts), others only hang up.
  if (isNew && url.protocol === "http:" && code === "ECONNRESET")
    return new StrakeError("REGISTRY_UNREACHABLE", `${url.host} hung up on plain HTTP: ${detail}`, {
      ...options,
      hint: nameWithTLS,
    });
  return new StrakeError(
    "REGISTRY_UNREACHABLE",
    `the connection to ${url.host} was lost: ${detail}`,
    options,
  );
}

/** The code node gives an error, and the shortest that says what it is. */
export function reportOf(error: unknown): { readonly code: unknown; readonly detail: string } {
  const { code } = (error ?? {}) as { code?: unknown };
  const detail = typeof code === "string" ? code : error instanceof Error ? error.message : String(error);
  return { code, detail };
}

/** An answer that is no TLS at all, as OpenSSL and BoringSSL name it. */
function speaksPlainly(error: unknown): boolean {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  return /wrong.version.number|packet.length.too.long|http.request/i.test(`${code} ${message}`);
}
