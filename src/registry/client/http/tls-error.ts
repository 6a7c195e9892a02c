import { StrakeError } from "../../../errors/index.ts";
import type { ShownCertificate } from "./peer-certificate.ts";

/** Whether a connection failed for what the server's certificate is: to look at that one says more. */
export function isCertificateFailure(error: unknown): boolean {
  return reasonOf(error) !== undefined;
}

/** Why a certificate was refused, and what to do: about dates, names and signers. Never the URL's query or credentials. Pure. */
export function certificateError(
  error: unknown,
  url: URL,
  certificate: ShownCertificate | undefined,
  now = Date.now(),
): StrakeError {
  const { message, hint } = explain(reasonOf(error) ?? "signer", { url, certificate, now });
  return new StrakeError("REGISTRY_TLS", message, { hint, cause: error });
}

type Reason = "dates" | "names" | "self-signed" | "signer" | "revoked";

function reasonOf(error: unknown): Reason | undefined {
  const { code } = (error ?? {}) as { code?: unknown };
  switch (code) {
    case "CERT_HAS_EXPIRED":
    case "CERT_NOT_YET_VALID":
      return "dates";
    case "ERR_TLS_CERT_ALTNAME_INVALID":
    case "HOSTNAME_MISMATCH":
      return "names";
    case "CERT_REVOKED":
      return "revoked";
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
      return "self-signed";
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "CERT_UNTRUSTED":
    case "INVALID_CA":
      return "signer";
    default:
      return undefined;
  }
}

interface Facts {
  readonly url: URL;
  readonly certificate: ShownCertificate | undefined;
  readonly now: number;
}

function explain(reason: Reason, { url, certificate, now }: Facts): { message: string; hint: string } {
  const { host, hostname } = url;
  const insecure = "without checking who it is: --insecure";
  const trust = `put it into /etc/containers/certs.d/${host}/ca.crt; ${insecure}`;
  if (reason === "dates") return dates({ host, certificate, now, insecure });
  if (reason === "names") {
    const names = certificate?.names.join(", ") || certificate?.subject;
    return {
      message: `the certificate of ${host} is not for ${hostname}${names ? ` but for ${names}` : ""}`,
      hint: `use a name it is for, or have ${hostname} added to it (subjectAltName); ${insecure}`,
    };
  }
  if (reason === "self-signed")
    return {
      message: `the certificate of ${host} is signed by nobody but itself, and nobody here trusts it`,
      hint: `if it is the right one, ${trust}`,
    };
  if (reason === "revoked")
    return { message: `the certificate of ${host} was revoked`, hint: "its administrator must replace it" };
  const issuer = certificate?.issuer;
  return {
    message: `the certificate of ${host} is signed by ${issuer ? `"${issuer}", whom` : "somebody whom"} nobody here trusts`,
    hint: `get that authority's certificate from its administrator and ${trust}`,
  };
}

function dates({
  host,
  certificate,
  now,
  insecure,
}: Omit<Facts, "url"> & { host: string; insecure: string }): { message: string; hint: string } {
  const day = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  const clock = `this machine's clock says ${new Date(now).toISOString().slice(0, 16)}Z`;
  if (certificate !== undefined && certificate.from > now && certificate.to > certificate.from)
    return {
      message: `the certificate of ${host} is not valid before ${day(certificate.from)}`,
      hint: `${clock}: if that is wrong, set it; ${insecure}`,
    };
  // The server's own may be good: then one of those that signed it has ended.
  const ended = certificate !== undefined && certificate.to <= now ? ` on ${day(certificate.to)}` : "";
  const whose =
    certificate !== undefined && ended === "" ? "an authority behind the certificate" : "the certificate";
  return {
    message: `${whose} of ${host} has ended${ended}`,
    hint: `its administrator must renew it; ${clock}; ${insecure}`,
  };
}
