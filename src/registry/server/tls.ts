import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { StrakeError } from "../../errors/index.ts";

/** In PEM. */
export interface ServerTLS {
  /** The server's certificate and those between it and a root. */
  readonly cert: string;
  readonly key: string;
  /** Authorities of clients: who shows no certificate of theirs is not served, whatever the path. */
  readonly clientCA?: string;
}

/** Throws REGISTRY_SERVER_CONFIG for a certificate or key that TLS cannot use, or that do not belong together. */
export function checkCertificate({ clientCA, ...tls }: ServerTLS): void {
  const certificate = usable("tls.cert: this is no certificate in PEM", () => new X509Certificate(tls.cert));
  const key = usable("tls.key: this is no private key in PEM without a passphrase", () =>
    createPrivateKey(tls.key),
  );
  if (!certificate.publicKey.equals(createPublicKey(key)))
    throw new StrakeError("REGISTRY_SERVER_CONFIG", "tls.key: the key belongs to another certificate", {
      hint: "the file of a chain begins with the server's own certificate",
    });
  usable("tls: the certificate or its key cannot be used", () => createSecureContext(tls));
  // OpenSSL takes a file without any certificate for an empty list of authorities.
  if (clientCA !== undefined)
    usable("tls.clientCA: this is no certificate in PEM", () => new X509Certificate(clientCA));
}

function usable<T>(problem: string, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new StrakeError("REGISTRY_SERVER_CONFIG", `${problem}: ${why}`, { cause });
  }
}
