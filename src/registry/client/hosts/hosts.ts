import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { StrakeError } from "../../../errors/index.ts";
import { isDockerHub } from "../docker-hub.ts";
import type { TlsOptions } from "../http/transport.ts";
import { withProxyAuthorities } from "../proxy/authorities.ts";
import { userFolder } from "../user-folder.ts";
import { HostFolders, readNamed } from "./host-folders.ts";
import type { HostEntry, HostsFile } from "./hosts-toml.ts";
import { parseRegistriesConf, type RegistryRule, relocate, ruleFor } from "./registries-conf.ts";
import type { Endpoint } from "./settings.ts";
import { systemAuthorities } from "./system-authorities.ts";

export interface HostsOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Registries used without TLS, or without checking it, whatever the files say. */
  readonly insecure?: boolean;
}

/**
 * What this machine's files say about registries: containers' registries.conf, containerd's hosts.toml and the certificates in certs.d. A rule
 * of registries.conf may say that a registry is elsewhere; the hosts.toml is that place's. Its own mirrors come before those of the
 * hosts.toml. Errors of all methods: REGISTRY_CONFIG.
 */
export class Hosts {
  readonly #rules: readonly RegistryRule[];
  readonly #folders: HostFolders;
  readonly #insecure: boolean;
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #files = new Map<string, HostsFile | undefined>();

  constructor(options: HostsOptions = {}) {
    const env = options.env ?? process.env;
    this.#env = env;
    this.#insecure = options.insecure === true;
    this.#rules = configFiles(env).flatMap((file) => parseRegistriesConf(readFileSync(file, "utf8"), file));
    this.#folders = new HostFolders(env);
  }

  /** Where a repository can be pulled from: its mirrors in order, then itself. What its hosts.toml lets nobody be asked for is not there. */
  forPull(host: string, path: string): Endpoint[] {
    const name = `${host}/${path}`;
    const rule = ruleFor(this.#rules, name);
    const mirrors = (rule?.mirrors ?? [])
      .filter((mirror) => mirror.location !== "")
      .map((mirror) => ({
        ...this.#endpoint(relocate(name, rule!.prefix, mirror.location), mirror.insecure),
        isMirror: true,
        pullFrom: mirror.pullFrom,
      }));
    const place = this.#itself(host, path);
    const file = this.#file(place.host);
    if (file === undefined) return [...mirrors, place];
    const others = file.hosts.map((entry) => ({ ...this.#ofEntry(entry, place), isMirror: true, entry }));
    const last = { ...this.#ofEntry(file.server, place), entry: file.server };
    const usable = [...others, last].filter(({ entry }) => entry.capabilities.has("pull"));
    return [
      ...mirrors,
      ...usable.map(({ entry, ...endpoint }) => ({
        ...withNamespace(endpoint, place.host),
        ...(entry.capabilities.has("resolve") ? {} : { needsDigest: true }),
      })),
    ];
  }

  /**
   * Where a repository is changed: the registry itself. With a hosts.toml it is the first that has `push`, as in containerd, and is not told a
   * namespace: what is pushed belongs to the place it is pushed to. Errors: REGISTRY_BLOCKED.
   */
  forPush(host: string, path: string): Endpoint {
    const place = this.#itself(host, path);
    const file = this.#file(place.host);
    if (file === undefined) return place;
    const entry = [...file.hosts, file.server].find(({ capabilities }) => capabilities.has("push"));
    if (entry === undefined)
      throw new StrakeError("REGISTRY_BLOCKED", `the hosts.toml of ${place.host} lets no host take pushes`, {
        hint: 'one of them needs "push" in its capabilities',
      });
    return this.#ofEntry(entry, place);
  }

  /** Where the lists of a registry are read, past all mirrors; the path may be empty. */
  forLists(host: string, path: string): Endpoint {
    const place = this.#itself(host, path);
    const file = this.#file(place.host);
    return file === undefined ? place : withNamespace(this.#ofEntry(file.server, place), place.host);
  }

  /** The registry under its own name, wherever files say that it is: its password is nobody else's. */
  forLogin(host: string): Endpoint {
    const lists = this.forLists(host, "");
    return lists.host === host ? lists : this.#endpoint(host, ruleFor(this.#rules, host)?.insecure === true);
  }

  /** Where registries.conf says that a repository is. */
  #itself(host: string, path: string): Endpoint {
    const name = path === "" ? host : `${host}/${path}`;
    const rule = ruleFor(this.#rules, name);
    const place = rule === undefined ? name : relocate(name, rule.prefix, rule.location);
    return {
      ...this.#endpoint(place, rule?.insecure === true),
      ...(rule?.blocked ? { blocked: true } : {}),
    };
  }

  #endpoint(place: string, insecure: boolean): Endpoint {
    const slash = place.indexOf("/");
    const host = slash < 0 ? place : place.slice(0, slash);
    const path = slash < 0 ? "" : place.slice(slash + 1);
    const { ca, clients } = this.#folders.certificates(host);
    return {
      ...{ host, path, isMirror: false, tls: trusting(ca) },
      ...(insecure || this.#insecure ? { insecure: true } : {}),
      ...(clients.length > 0 ? { clients } : {}),
    };
  }

  /** The place a line of a hosts.toml leads to; what the file does not say is as it is for the registry itself. */
  #ofEntry(entry: HostEntry, itself: Endpoint): Endpoint {
    const { url, skipVerify, headers, dialMs, proxy } = entry;
    const host = url === undefined ? itself.host : nameOf(url);
    const { ca, clients } = this.#folders.certificates(host);
    const pairs = entry.client.map(({ cert, key = cert }) => ({
      cert: readNamed(cert),
      key: readNamed(key),
    }));
    const own = entry.ca.map(readNamed);
    const isExplicit = entry.ca.length > 0 || pairs.length > 0 || skipVerify !== undefined;
    const plain = { ...itself, host, isMirror: false };
    return {
      ...(url === undefined ? plain : { ...plain, url, root: entry.root, insecure: this.#insecure }),
      tls: { ...trusting([...own, ...ca]), ...(skipVerify ? { insecure: true } : {}) },
      clients: pairs.length > 0 ? pairs : clients,
      // containerd checks TLS on loopback too where somebody wrote an address; without one only where it is said.
      ...(skipVerify === false || (url !== undefined && !skipVerify) ? { verify: true } : {}),
      ...(url?.protocol === "http:" && isExplicit && url.port !== "" ? { tryTLS: true } : {}),
      ...(Object.keys(headers).length > 0 ? { headers } : {}),
      ...(dialMs === undefined ? {} : { dialMs }),
      ...(proxy === undefined ? {} : { proxy: withProxyAuthorities(proxy, this.#env, own) }),
    };
  }

  #file(host: string): HostsFile | undefined {
    if (!this.#files.has(host)) this.#files.set(host, this.#folders.hostsFile(host));
    return this.#files.get(host);
  }
}

/** As in references: Docker Hub is docker.io there. */
function nameOf(url: URL): string {
  return isDockerHub(url.host) ? "docker.io" : url.host;
}

/** containerd's docs/hosts.md: "If a host is configured that's different to the registry host namespace". */
function withNamespace<E extends Endpoint>(endpoint: E, namespace: string): E {
  return endpoint.host === namespace ? endpoint : { ...endpoint, namespace };
}

function trusting(ca: readonly string[]): TlsOptions {
  return ca.length > 0 ? { ca: [...ca, ...systemAuthorities()] } : {};
}

/** The user's file in place of the system's, then the drop-ins of both. */
function configFiles(env: Readonly<Record<string, string | undefined>>): string[] {
  const named = env.CONTAINERS_REGISTRIES_CONF;
  if (named !== undefined && named !== "") return [named];
  const user = join(env.XDG_CONFIG_HOME || join(userFolder(env), ".config"), "containers");
  const main = [join(user, "registries.conf"), "/etc/containers/registries.conf"].find((path) =>
    existsSync(path),
  );
  const dropIns = ["/etc/containers", user].flatMap((base) => {
    const folder = join(base, "registries.conf.d");
    if (!existsSync(folder)) return [];
    return readdirSync(folder)
      .filter((name) => name.endsWith(".conf"))
      .sort()
      .map((name) => join(folder, name));
  });
  return [...(main === undefined ? [] : [main]), ...dropIns];
}
