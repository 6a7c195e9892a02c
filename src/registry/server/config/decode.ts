import { decodeAccessConfig } from "../access/decode-config.ts";
import type { CollectionTimes, ScrubTimes } from "../housekeeping.ts";
import { isNetwork } from "../http/trusted-proxies.ts";
import { decodeProxyConfig } from "../proxy/index.ts";
import type { RetentionRule } from "../retention/rules.ts";
import type { ServerConfig, StorageConfig } from "./config.ts";
import { decodeWebhook } from "./decode-webhook.ts";
import {
  amount,
  type ConfigValue,
  configError,
  duration,
  flag,
  items,
  members,
  oneOf,
  repositoryPattern,
  required,
  text,
} from "./value.ts";

export const anyPath = /^[^\0]+$/;
const address = /^(?:\[[0-9a-fA-F:]+\]|[^:[\]\s]*):\d{1,5}$/;
const tagGlob = /^[A-Za-z0-9_.*?{},!-]{1,256}$/;

/** Everything a registry is told. Throws REGISTRY_SERVER_CONFIG that names the first setting that cannot be meant. */
export function decodeServerConfig(value: unknown): ServerConfig {
  const found = members({ value, path: "" }, [
    ...(["storage", "listen", "open", "sparse", "tls", "access", "collection", "retention"] as const),
    ...(["scrub", "webhooks", "metrics", "log", "stopTimeout", "proxy", "names", "trustedProxies"] as const),
  ]);
  const access = found.access && decodeAccessConfig(found.access.value, found.access.path);
  const retention = found.retention && items(found.retention).map(decodeRule);
  return {
    storage: found.storage ? decodeStorage(found.storage) : { driver: "files" },
    listen: found.listen && decodeAddress(found.listen),
    open: found.open && flag(found.open),
    sparse: found.sparse && flag(found.sparse),
    tls: found.tls && decodeTLS(found.tls),
    // As elsewhere: a password file alone lets its users do everything.
    access:
      access?.htpasswd !== undefined && !access.policies ? { ...access, policies: allForUsers } : access,
    proxy: found.proxy && decodeProxyConfig(found.proxy),
    names: found.names && items(found.names).map((item) => text(item, /^[A-Za-z0-9.:-]{1,255}$/, "a host")),
    trustedProxies: found.trustedProxies && items(found.trustedProxies).map(network),
    collection: { ...(found.collection && decodeCollection(found.collection)), retention },
    scrub: found.scrub && decodeScrub(found.scrub),
    webhooks: found.webhooks ? items(found.webhooks).map(decodeWebhook) : [],
    metrics: found.metrics && decodeMetrics(found.metrics),
    log: found.log ? text(found.log, anyPath, "stdout, none or a path") : "stdout",
    stopTimeout: found.stopTimeout ? duration(found.stopTimeout) : 30_000,
  };
}

const allForUsers = [
  { repositories: ["**"], actions: ["pull", "push", "delete"], authenticated: true },
] as const;

function decodeStorage(value: ConfigValue): StorageConfig {
  const s3Settings = ["bucket", "prefix", "endpoint", "region", "redirect", "publicEndpoint"] as const;
  const found = members(value, ["driver", "root", ...s3Settings]);
  const driver = found.driver ? oneOf(found.driver, ["files", "memory", "s3"] as const) : guessDriver(found);
  const { root, bucket, prefix, endpoint, region, redirect, publicEndpoint } = found;
  const foreign = driver === "s3" ? root : s3Settings.map((name) => found[name]).find(Boolean);
  const stray = foreign ?? (driver === "memory" ? root : undefined);
  if (stray) throw configError(stray.path, `the ${driver} driver has no such setting`);
  if (driver === "memory") return { driver };
  if (driver === "files") return { driver, root: root && text(root, anyPath, "a path") };
  if (publicEndpoint && !(redirect && flag(redirect)))
    throw configError(publicEndpoint.path, "nobody is sent there", "add storage.redirect (--s3-redirect)");
  const folder = prefix && text(prefix, /^(?:[A-Za-z0-9_-][A-Za-z0-9_.-]*\/?)*$/, "a prefix of keys");
  return {
    driver,
    bucket: text(
      required(value, "bucket", bucket),
      /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
      "the name of a bucket",
    ),
    prefix: folder && (folder.endsWith("/") ? folder : `${folder}/`),
    endpoint: endpoint && text(endpoint, /^https?:\/\/[^\s]+$/, "an http or https URL"),
    redirect: redirect && flag(redirect),
    publicEndpoint: publicEndpoint && text(publicEndpoint, /^https?:\/\/[^\s]+$/, "an http or https URL"),
    region: region && text(region, /^[A-Za-z0-9-]{1,64}$/, "the name of a region"),
  };
}

function guessDriver({ bucket }: { bucket?: ConfigValue }): StorageConfig["driver"] {
  return bucket ? "s3" : "files";
}

function decodeTLS(value: ConfigValue): ServerConfig["tls"] {
  const found = members(value, ["cert", "key", "clientCA"]);
  return {
    cert: text(required(value, "cert", found.cert), anyPath, "a path"),
    key: text(required(value, "key", found.key), anyPath, "a path"),
    ...(found.clientCA ? { clientCA: text(found.clientCA, anyPath, "a path") } : {}),
  };
}

function decodeCollection(value: ConfigValue): CollectionTimes {
  const found = members(value, ["every", "grace", "undo", "untagged", "uploads"]);
  return {
    every: found.every && interval(found.every),
    grace: found.grace && duration(found.grace),
    undo: found.undo && duration(found.undo),
    untagged: found.untagged && oneOf(found.untagged, ["keep", "collect"] as const),
    uploads: found.uploads && duration(found.uploads),
  };
}

function decodeRule(value: ConfigValue): RetentionRule {
  const found = members(value, ["repositories", "tags", "keepLast", "keepWithin"]);
  if (!found.keepLast && !found.keepWithin)
    throw configError(value.path, "it does not say what is kept", "add keepLast or keepWithin");
  return {
    repositories: found.repositories && repositoryPattern(found.repositories),
    tags: found.tags && text(found.tags, tagGlob, "a pattern"),
    keepLast: found.keepLast && amount(found.keepLast),
    keepWithin: found.keepWithin && duration(found.keepWithin),
  };
}

function decodeScrub(value: ConfigValue): ScrubTimes {
  const found = members(value, ["every", "quarantine"]);
  return {
    every: interval(required(value, "every", found.every)),
    quarantine: found.quarantine && flag(found.quarantine),
  };
}

function decodeMetrics(value: ConfigValue): ServerConfig["metrics"] {
  const found = members(value, ["listen"]);
  return { listen: decodeAddress(required(value, "listen", found.listen)) };
}

function network(value: ConfigValue): string {
  const written = text(value, anyPath, "an address or a network");
  if (isNetwork(written)) return written;
  throw configError(value.path, `${JSON.stringify(written)} is no address and no network such as 10.0.0.0/8`);
}

function decodeAddress(value: ConfigValue): string {
  const written = text(value, address, "ADDRESS:PORT, such as 127.0.0.1:5000");
  if (Number(written.slice(written.lastIndexOf(":") + 1)) <= 65535) return written;
  throw configError(value.path, `${JSON.stringify(written)} is not ADDRESS:PORT: ports end at 65535`);
}

/** A pause between two runs. */
function interval(value: ConfigValue): number {
  const pause = duration(value);
  if (pause >= 1000) return pause;
  throw configError(value.path, "it would never rest", "say at least 1s");
}
