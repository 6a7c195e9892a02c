import { isAbsolute, join } from "node:path";
import { StrakeError } from "../../../errors/index.ts";
import { hubAddress, isDockerHub } from "../docker-hub.ts";
import { type ProxyServer, parseProxy } from "../proxy/address.ts";
import { parseTOML, type TomlTable, type TomlValue } from "./toml.ts";

/** What a host may be asked for: content by digest, what a tag means, and to take images. */
export type Capability = "pull" | "resolve" | "push" | "referrers";

/** One host of a hosts.toml. */
export interface HostEntry {
  /** Undefined: the registry itself, under its own name. */
  readonly url: URL | undefined;
  /** Path of the API. */
  readonly root: string;
  readonly capabilities: ReadonlySet<Capability>;
  /** Files in PEM. */
  readonly ca: readonly string[];
  /** Files in PEM; without `key` the key is in the same file. */
  readonly client: readonly { readonly cert: string; readonly key?: string }[];
  /** Undefined: nothing is said about it. */
  readonly skipVerify: boolean | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly dialMs: number | undefined;
  readonly proxy: ProxyServer | undefined;
}

/** A hosts.toml: the hosts in the order of the file, then the registry itself or what stands for it. */
export interface HostsFile {
  readonly hosts: readonly HostEntry[];
  readonly server: HostEntry;
}

/**
 * Reads containerd's hosts.toml (its docs/hosts.md): `server` and `[host."URL"]` sections, each with `capabilities` (all when it says
 * none), `ca`, `client`, `skip_verify`, `header`, `override_path`, `dial_timeout` and `proxy`; those at the top are the server's. A URL without a scheme is
 * HTTPS, one without `/v2` at its end gets it unless `override_path` is set; paths of files start at the folder of the file. Other keys
 * are not looked at, as there. Where containerd goes on without a file it cannot read, this is an error. Errors: REGISTRY_CONFIG.
 */
export function parseHostsToml(text: string, { file, folder }: { file: string; folder: string }): HostsFile {
  const document = parseTOML(text, file);
  const at: Place = { file, folder, where: "at the top" };
  const sections = document.host ?? {};
  if (!isTable(sections)) throw malformed(at, "host is no table");
  const hosts = Object.entries(sections).map(([name, section]) => {
    const place = { ...at, where: `in [host.${JSON.stringify(name)}]` };
    if (!isTable(section)) throw malformed(place, "it is no table");
    return entry(name, section, place);
  });
  return { hosts, server: entry(optional(document, "server", "string", at), document, at) };
}

interface Place {
  readonly file: string;
  readonly folder: string;
  readonly where: string;
}

function entry(address: string | undefined, section: TomlTable, place: Place): HostEntry {
  const own = optional(section, "override_path", "boolean", place) === true;
  const url = address === undefined || address === "" ? undefined : parseAddress(address, place);
  const path = url?.pathname.replace(/\/+/g, "/").replace(/\/$/, "") ?? "";
  return {
    url: url && new URL(url.origin),
    root: url !== undefined && (own || path.endsWith("/v2")) ? path : `${path}/v2`,
    capabilities: capabilities(section, place),
    ca: files(section.ca, "ca", place),
    client: pairs(section.client, place),
    skipVerify: optional(section, "skip_verify", "boolean", place),
    headers: headers(section.header, place),
    dialMs: duration(optional(section, "dial_timeout", "string", place), place),
    proxy: proxyServer(optional(section, "proxy", "string", place), place),
  };
}

function parseAddress(text: string, place: Place): URL {
  let url: URL | undefined;
  try {
    url = new URL(/^https?:\/\//i.test(text) ? text : `https://${text}`);
  } catch {
    // Answered below.
  }
  if (url === undefined || url.hostname === "") throw malformed(place, `${text} is no address`);
  if (url.username !== "" || url.password !== "")
    throw malformed(place, "an address has credentials in it", "strake login keeps them");
  // What Docker Hub is called in references is not where its API is.
  if (isDockerHub(url.host)) url.host = hubAddress;
  return url;
}

const known: ReadonlySet<string> = new Set(["pull", "resolve", "push", "referrers"]);

function capabilities(section: TomlTable, place: Place): ReadonlySet<Capability> {
  const names = strings(section.capabilities, "capabilities", place).map((name) => name.toLowerCase());
  const unknown = names.find((name) => !known.has(name));
  if (unknown !== undefined)
    throw malformed(place, `${unknown} is no capability`, "there are pull, resolve, push and referrers");
  return new Set((names.length === 0 ? [...known] : names) as Capability[]);
}

function files(value: TomlValue | undefined, name: string, place: Place): string[] {
  return strings(value, name, place).map((path) => absolute(path, place));
}

function pairs(value: TomlValue | undefined, place: Place): HostEntry["client"] {
  const list = Array.isArray(value) ? value : value === undefined ? [] : [value];
  return list.map((each) => {
    const [cert, key, ...more] = Array.isArray(each) ? each : [each, ""];
    if (typeof cert !== "string" || typeof key !== "string" || more.length > 0)
      throw malformed(place, "client is neither a path, nor paths, nor pairs of paths");
    return { cert: absolute(cert, place), ...(key === "" ? {} : { key: absolute(key, place) }) };
  });
}

/** How a message is cut out of its connection is not for a file to say. */
const framing = new Set(["host", "connection", "content-length", "transfer-encoding", "upgrade", "range"]);

/** Values may be secrets: no error shows one. */
function headers(value: TomlValue | undefined, place: Place): Record<string, string> {
  if (value === undefined) return {};
  if (!isTable(value)) throw malformed(place, "header is no table");
  return Object.fromEntries(
    Object.entries(value).map(([name, content]) => {
      const joined = strings(content, `header ${name}`, place).join(", ");
      const key = name.toLowerCase();
      if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(key) || framing.has(key))
        throw malformed(place, `${name} cannot be set as a header`);
      if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(joined))
        throw malformed(place, `header ${name} has a line break or other characters no header can have`);
      return [key, joined];
    }),
  );
}

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** As Go writes durations: `1s`, `1m30s`, `1.5s`. */
function duration(text: string | undefined, place: Place): number | undefined {
  if (text === undefined || text === "") return undefined;
  if (!/^(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h))+$/.test(text))
    throw malformed(place, `dial_timeout ${text} is no duration`, "for example 500ms or 10s");
  let total = 0;
  for (const [, number, unit] of text.matchAll(/([0-9.]+)(ms|s|m|h)/g))
    total += Number(number) * units[unit!]!;
  return total === 0 ? undefined : total;
}

/** A URL with a scheme and no path: what containerd asks for. The text may hold a password. */
function proxyServer(text: string | undefined, place: Place): ProxyServer | undefined {
  if (text === undefined) return undefined;
  if (!/^[a-z0-9+.-]+:\/\/[^/?#]+\/?$/i.test(text))
    throw malformed(
      place,
      "proxy is not the URL of a proxy",
      "it is like http://proxy.example:3128 or socks5h://proxy.example:1080, without a path",
    );
  return { ...parseProxy(text, `${place.file}: ${place.where}: proxy`), always: true };
}

function strings(value: TomlValue | undefined, name: string, place: Place): string[] {
  const list = Array.isArray(value) ? value : value === undefined ? [] : [value];
  return list.map((each) => {
    if (typeof each !== "string") throw malformed(place, `${name} is neither a string nor a list of strings`);
    return each;
  });
}

function optional<K extends "string" | "boolean">(
  section: TomlTable,
  name: string,
  kind: K,
  place: Place,
): (K extends "string" ? string : boolean) | undefined {
  const value = section[name];
  if (value !== undefined && typeof value !== kind) throw malformed(place, `${name} is no ${kind}`);
  return value as (K extends "string" ? string : boolean) | undefined;
}

function absolute(path: string, { folder }: Place): string {
  return isAbsolute(path) ? path : join(folder, path);
}

function isTable(value: TomlValue): value is TomlTable {
  return typeof value === "object" && !Array.isArray(value);
}

function malformed({ file, where }: Place, why: string, hint?: string): StrakeError {
  return new StrakeError("REGISTRY_CONFIG", `${file}: ${where}: ${why}`, hint === undefined ? {} : { hint });
}
