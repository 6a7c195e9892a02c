import { checkRegistryOptions } from "../../registry/server/index.ts";
import { type ConfigSource, loadServerConfig } from "./load-config.ts";
import { changeableOptions, parseListen } from "./options.ts";

/**
 * Checks a registry's configuration with all the files it names, and says what it allows but hardly means.
 * Errors: REGISTRY_SERVER_CONFIG, REGISTRY_OPEN, USAGE.
 */
export function checkRegistryConfig(source: ConfigSource): string[] {
  const config = loadServerConfig(source);
  const { hostname } = parseListen(config.listen ?? "127.0.0.1:5000");
  const { open, access, tls, collection } = config;
  checkRegistryOptions({ ...changeableOptions(config, undefined), hostname, open });
  const warnings: string[] = [];
  const isLocal = /^(?:127\.|::1$|localhost$)/.test(hostname);
  if (access?.htpasswd !== undefined && !tls && !isLocal)
    warnings.push("passwords cross the network in the clear: set tls, or put TLS in front");
  const isAsked = access?.policies ?? access?.admins ?? access?.token;
  if (isAsked && access?.htpasswd === undefined && !access?.policies?.some(({ anonymous }) => anonymous))
    warnings.push("access names no password file: only robots can log in");
  if (open && (isAsked || access?.htpasswd !== undefined)) warnings.push("open has no effect beside access");
  if (collection.every === undefined) {
    warnings.push("nothing is collected by itself: set collection.every, or run strake registry gc");
    if (collection.retention)
      warnings.push("retention applies with collection.every or strake registry retain");
  }
  return warnings;
}
