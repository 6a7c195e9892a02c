import { existsSync, readFileSync } from "node:fs";

let known: string[] | undefined;

/** A `ca` option replaces the system's store, so what is trusted anyway is added to it. Read once. */
export function systemAuthorities(): string[] {
  known ??= read();
  return known;
}

function read(): string[] {
  const file = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
  ].find((path) => existsSync(path));
  return file === undefined ? [] : [readFileSync(file, "utf8")];
}
