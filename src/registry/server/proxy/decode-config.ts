import { StrakeError } from "../../../errors/index.ts";
import { isRepositoryPath } from "../../../oci/index.ts";
import {
  type ConfigValue,
  configError,
  duration,
  flag,
  items,
  members,
  required,
  size,
  text,
} from "../config/value.ts";
import type { ProxyConfig, UpstreamCredentials } from "./config.ts";

const host = /^[A-Za-z0-9.-]+(?::\d{1,5})?$/;
const path = /^[^\0]+$/;
const pin = /^[a-z0-9._/*?-]{1,255}:[A-Za-z0-9_.*?-]{1,128}$/;

/** The list of upstreams in a configuration. Throws REGISTRY_SERVER_CONFIG. */
export function decodeProxyConfig(value: ConfigValue): ProxyConfig[] {
  return checkProxies(items(value).map(decodeOne), value.path);
}

/** `PREFIX=URL`, as the command line has it. Throws USAGE. */
export function parseProxy(argument: string): ProxyConfig {
  const [, prefix = "", upstream = ""] = /^([^=]+)=(.+)$/.exec(argument) ?? [];
  if (isRepositoryPath(prefix) && upstreamURL(upstream)) return { prefix, upstream };
  const shown = JSON.stringify(argument.replace(/\/\/[^/@]*@/, "//***@"));
  throw new StrakeError("USAGE", `${shown} is not PREFIX=URL without credentials`, {
    hint: "for example docker.io=https://registry-1.docker.io",
  });
}

/** Upstreams that can be told apart. Throws REGISTRY_SERVER_CONFIG. */
export function checkProxies(proxies: ProxyConfig[], place = "proxy"): ProxyConfig[] {
  const prefixes = new Set<string>();
  for (const [i, { prefix, upstream }] of proxies.entries()) {
    if (!isRepositoryPath(prefix))
      throw configError(`${place}[${i}].prefix`, `${JSON.stringify(prefix)} is not the path of a repository`);
    if (!upstreamURL(upstream))
      throw configError(`${place}[${i}].upstream`, "this has to be an http or https URL without credentials");
    if (prefixes.has(prefix)) throw configError(`${place}[${i}].prefix`, `${prefix} is there twice`);
    prefixes.add(prefix);
  }
  return proxies;
}

/** The address of an upstream; undefined when it is none. */
export function upstreamURL(upstream: string): URL | undefined {
  if (!URL.canParse(upstream)) return undefined;
  const url = new URL(upstream);
  const rest = url.pathname.replace(/^\/|\/$/g, "");
  const plain = url.username === "" && url.password === "" && url.search === "" && url.hash === "";
  const known = url.protocol === "https:" || url.protocol === "http:";
  return known && plain && (rest === "" || isRepositoryPath(rest)) ? url : undefined;
}

function decodeOne(value: ConfigValue): ProxyConfig {
  const found = members(value, [
    ...(["prefix", "upstream", "namespaces", "library", "credentials", "ca", "caFile", "insecure"] as const),
    ...(["internalRedirects", "ttl", "missTtl", "timeout", "maxBytes", "maxAge", "pinned"] as const),
  ]);
  return {
    prefix: text(required(value, "prefix", found.prefix), /./, "a prefix"),
    upstream: text(required(value, "upstream", found.upstream), /./, "a URL"),
    namespaces: found.namespaces && items(found.namespaces).map((item) => text(item, host, "a host")),
    library: found.library && flag(found.library),
    credentials: found.credentials && decodeCredentials(found.credentials),
    ca: found.ca && text(found.ca, /BEGIN CERTIFICATE/, "a certificate in PEM"),
    caFile: found.caFile && text(found.caFile, path, "a path"),
    insecure: found.insecure && flag(found.insecure),
    internalRedirects: found.internalRedirects && flag(found.internalRedirects),
    ttl: found.ttl && duration(found.ttl),
    missTtl: found.missTtl && duration(found.missTtl),
    timeout: found.timeout && decodeTimeout(found.timeout),
    maxBytes: found.maxBytes && size(found.maxBytes),
    maxAge: found.maxAge && duration(found.maxAge),
    pinned: found.pinned && items(found.pinned).map((item) => text(item, pin, "REPOSITORY:TAG with globs")),
  };
}

function decodeTimeout(value: ConfigValue): number {
  const timeout = duration(value);
  if (timeout > 0) return timeout;
  throw configError(value.path, "this has to be more than 0");
}

function decodeCredentials(value: ConfigValue): UpstreamCredentials {
  if (value.value === "keychain") return "keychain";
  const found = members(value, ["username", "password", "passwordFile", "token"] as const);
  if (found.token && !found.username && !found.password && !found.passwordFile)
    return { token: secret(found.token) };
  if (
    found.username &&
    !found.token &&
    (found.password === undefined) !== (found.passwordFile === undefined)
  ) {
    const username = text(found.username, /^[^:\0]+$/, "a user name");
    if (found.passwordFile) return { username, passwordFile: text(found.passwordFile, path, "a path") };
    return { username, password: secret(found.password!) };
  }
  throw configError(
    value.path,
    'this has to be "keychain", a token, or a username with a password or a passwordFile',
  );
}

/** An error about a secret does not repeat it. */
function secret({ value, path }: ConfigValue): string {
  if (typeof value === "string" && value !== "") return value;
  throw configError(path, "this has to be a string");
}
