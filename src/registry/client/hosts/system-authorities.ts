import { existsSync, readFileSync } from "node:fs";

/** A `ca` option replaces the system's store, so what is trusted anyway is added to it. */
export function systemAuthorities(): string[] {
  const file = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
  ].find((path) => existsSync(path));
  return file === undefined ? [] : [readFileSync(file, "utf8")];
}
