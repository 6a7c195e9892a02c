import { existsSync, readdirSync, realpathSync } from "node:fs";
import { StrakeError } from "../../errors/index.ts";
import type { BuildOptions } from "../options.ts";

/** Where the bundle stands in the container while a RUN lasts. */
export const lentBundlePath = "/run/strake/ca.pem";

/** Variables by which programs are told of a bundle: OpenSSL and Go, curl, requests, pip, Node.js, git. */
export const bundleVariables = [
  "SSL_CERT_FILE",
  "CURL_CA_BUNDLE",
  "REQUESTS_CA_BUNDLE",
  "PIP_CERT",
  "NODE_EXTRA_CA_CERTS",
  "GIT_SSL_CAINFO",
] as const;

/** The bundles of Debian and Alpine, Fedora, older Red Hats, SUSE. */
const bundles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
];

/** Where administrators put authorities of their own, for update-ca-certificates and update-ca-trust. */
const anchors = [
  "/usr/local/share/ca-certificates",
  "/etc/pki/ca-trust/source/anchors",
  "/etc/pki/trust/anchors",
];

/**
 * The bundle of the host that RUN is lent. `auto` lends when SSL_CERT_FILE is set or the administrator added authorities: then
 * TLS is likely to go through something only this host trusts. Undefined when nothing is lent.
 * Throws USAGE when the bundle asked for is not there.
 */
export function hostBundle(
  choice: BuildOptions["hostCA"] = "auto",
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string | undefined {
  if (choice === "off") return undefined;
  if (typeof choice === "object") {
    checkBundle(choice);
    return realpathSync(choice.path);
  }
  const named = environment.SSL_CERT_FILE;
  if (named && existsSync(named)) return realpathSync(named);
  if (choice === "auto" && !anchors.some(hasFiles)) return undefined;
  const found = bundles.find((path) => existsSync(path));
  if (found !== undefined) return realpathSync(found);
  if (choice === "auto") return undefined;
  throw new StrakeError("USAGE", "this host has no certificate bundle to lend");
}

/** Refuses a bundle that is not there, also for a build whose every RUN is cached. Throws USAGE. */
export function checkBundle(choice: BuildOptions["hostCA"]): void {
  if (typeof choice === "object" && !existsSync(choice.path))
    throw new StrakeError("USAGE", `there is no certificate bundle ${choice.path}`);
}

function hasFiles(folder: string): boolean {
  try {
    return readdirSync(folder).some((name) => /\.(crt|pem|cer)$/.test(name));
  } catch {
    return false;
  }
}
