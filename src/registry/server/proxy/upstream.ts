import { readFileSync } from "node:fs";
import { rootCertificates } from "node:tls";
import { StrakeError } from "../../../errors/index.ts";
import {
  type ConnectOptions,
  isInternalHost,
  Keychain,
  proxiesOf,
  Registry as RemoteRegistry,
  type Repository,
} from "../../client/index.ts";
import { compileGlobs } from "../access/glob.ts";
import type { ProxyConfig, UpstreamCredentials } from "./config.ts";
import { upstreamURL } from "./decode-config.ts";
import { Rest } from "./rest.ts";

type Credentials = Awaited<ReturnType<NonNullable<ConnectOptions["credentials"]>>>;

const hubHosts = new Set(["registry-1.docker.io", "docker.io", "index.docker.io"]);

/** Milliseconds for which what a credential helper said is used again. */
const keychainAge = 60_000;
/** Milliseconds without a byte after which the upstream counts as stuck. */
const standardTimeout = 20_000;
/** Clients wait for the answer and give up after a minute of silence of ours: the upstream's is waited for once. */
const retry = { attempts: 3, silentAttempts: 1, baseMs: 200, capMs: 2000, patienceMs: 3000 } as const;

/** One registry that is cached here: where it is, who we are there, and how its repositories are called here. */
export class Upstream {
  readonly prefix: string;
  readonly namespaces: readonly string[];
  readonly ttl: number;
  readonly missTtl: number;
  readonly maxBytes: number | undefined;
  readonly maxAge: number | undefined;
  /** Whether `repository:tag`, the repository without the prefix, is never taken. */
  readonly isPinned: (name: string) => boolean;
  readonly hasPins: boolean;
  /** It just failed: it is not asked about what is held. */
  readonly away = new Rest();
  /** It just let a question hang: it is asked nothing. */
  readonly silent = new Rest();
  /** It just allowed no more requests: it is asked nothing, and clients are told what it said of when to come again. */
  readonly limited = new Rest();
  /** What it said then, milliseconds. */
  toldToWait: number | undefined;
  readonly #config: ProxyConfig;
  readonly #url: URL;
  readonly #library: boolean;
  #registry: Promise<RemoteRegistry> | undefined;
  #keychain: { readonly chain: Keychain; readonly since: number } | undefined;

  /** The configuration was checked: see `checkProxies`. */
  constructor(config: ProxyConfig) {
    const url = upstreamURL(config.upstream);
    if (!url) throw new StrakeError("INTERNAL", "an upstream without an address");
    const isHub = hubHosts.has(url.host);
    if (isHub) url.hostname = "registry-1.docker.io";
    this.#config = config;
    this.#url = url;
    this.#library = config.library ?? isHub;
    this.prefix = config.prefix;
    this.namespaces = config.namespaces ?? [isHub ? "docker.io" : url.host];
    this.ttl = config.ttl ?? 300_000;
    this.missTtl = config.missTtl ?? 30_000;
    this.maxBytes = config.maxBytes;
    this.maxAge = config.maxAge;
    this.isPinned = compileGlobs(config.pinned ?? []);
    this.hasPins = (config.pinned ?? []).length > 0;
  }

  /** The repository here for a name below the prefix: `debian` and `library/debian` are one. */
  repositoryOf(name: string): string {
    const full = this.#library && !name.includes("/") ? `library/${name}` : name;
    return `${this.prefix}/${full}`;
  }

  /** The upstream's repository for one of ours. Errors: REGISTRY_*. */
  async open(repository: string): Promise<Repository> {
    const below = this.#url.pathname.replace(/^\/|\/$/g, "");
    const name = repository.slice(this.prefix.length + 1);
    this.#registry ??= this.#connect();
    try {
      return (await this.#registry).repository(below === "" ? name : `${below}/${name}`);
    } catch (error) {
      this.#registry = undefined;
      throw error;
    }
  }

  close(): void {
    void this.#registry?.then(
      (registry) => registry.close(),
      () => {},
    );
  }

  async #connect(): Promise<RemoteRegistry> {
    const { insecure, internalRedirects } = this.#config;
    const ca = this.#certificates();
    const anywhere = internalRedirects ?? (await isInternalHost(this.#url.hostname));
    return RemoteRegistry.connect(this.#url.host, {
      settings: {
        url: new URL(this.#url.origin),
        ...(insecure ? { insecure } : {}),
        ...(ca ? { tls: { ca: [...ca, ...rootCertificates] } } : {}),
      },
      credentials: (path) => this.#credentials(path),
      proxies: proxiesOf(process.env),
      redirects: anywhere ? "anywhere" : "public",
      userAgent: "strake (pull-through cache)",
      stallMs: this.#config.timeout ?? standardTimeout,
      retry,
    });
  }

  #certificates(): string[] | undefined {
    const { ca, caFile } = this.#config;
    const pem = ca ?? (caFile === undefined ? undefined : readSecret(caFile));
    return pem === undefined ? undefined : [pem];
  }

  async #credentials(path: string | undefined): Promise<Credentials> {
    const { credentials } = this.#config;
    if (credentials === undefined) return undefined;
    if (credentials !== "keychain") return plainCredentials(credentials);
    if (!this.#keychain || Date.now() - this.#keychain.since > keychainAge)
      this.#keychain = { chain: new Keychain(), since: Date.now() };
    const host = hubHosts.has(this.#url.host) ? "docker.io" : this.#url.host;
    return this.#keychain.chain.find(path === undefined ? host : `${host}/${path}`);
  }
}

function plainCredentials(credentials: Exclude<UpstreamCredentials, "keychain">): Credentials {
  if ("token" in credentials) return { kind: "bearer", token: credentials.token };
  const { username } = credentials;
  const password =
    "password" in credentials
      ? credentials.password
      : readSecret(credentials.passwordFile).split(/\r?\n/)[0]!;
  return { kind: "basic", username, password };
}

function readSecret(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new StrakeError("REGISTRY_SERVER_CONFIG", `${file} of an upstream cannot be read`, { cause });
  }
}
