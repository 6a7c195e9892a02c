import { StrakeError, throwIfAborted } from "../../errors/index.ts";
import { isRepositoryPath } from "../../oci/index.ts";
import { answerError } from "./answer-error.ts";
import { authorize } from "./auth/authorize.ts";
import type { Credentials } from "./auth/credentials.ts";
import { hubAddress } from "./docker-hub.ts";
import type { HostSettings } from "./hosts/settings.ts";
import { chooseCertificate } from "./http/client-certificate.ts";
import { isCertificateAlert } from "./http/connection-error.ts";
import { hostHeaders } from "./http/host-headers.ts";
import { chain, type Send } from "./http/message.ts";
import { namespace } from "./http/namespace.ts";
import { followRedirects } from "./http/redirect.ts";
import { type RetryOptions, retry } from "./http/retry.ts";
import { createTransport, type TlsOptions } from "./http/transport.ts";
import { userAgent } from "./http/user-agent.ts";
import { hearWarnings } from "./http/warnings.ts";
import { pages } from "./paging.ts";
import type { Proxies } from "./proxy/environment.ts";
import { type PinnedTag, Repository } from "./repository.ts";

export interface ConnectOptions {
  /** Where the registry really is, and how to speak to it. Default: HTTPS, plain HTTP on loopback. */
  readonly settings?: HostSettings;
  /** Credentials of the registry, or of a repository (`path`) of it. Default: none. */
  readonly credentials?: (path: string | undefined) => Promise<Credentials | undefined>;
  readonly userAgent?: string;
  readonly retry?: RetryOptions;
  /** Milliseconds without a byte after which a transfer is given up and resumed. Default: 60 s. */
  readonly stallMs?: number;
  /**
   * Where a registry may send us: for redirects and token servers. `public` refuses this machine and private networks, and
   * with them what else a stranger might want to have asked from here (SSRF). Default: anywhere.
   */
  readonly redirects?: "anywhere" | "public";
  /** Milliseconds a registry may think about an upload that it has whole. Default: 5 min. */
  readonly answerMs?: number;
  /** The proxy that an address is asked through: see `proxiesOf`. Default: none. */
  readonly proxies?: Proxies;
  /** Told once of each thing that a host wants its users to know (distribution-spec, "Warnings"). */
  readonly onWarning?: (host: string, text: string) => void;
  readonly signal?: AbortSignal;
}

/** What every part of the client sends through. */
export interface Line {
  readonly send: Send;
  readonly base: URL;
  /** Path of the API: `/v2`. */
  readonly root: string;
  /** The registry as the user names it. */
  readonly name: string;
  readonly retry: RetryOptions;
}

/** One registry. Keeps connections and tokens; `close` ends them. */
export class Registry {
  readonly name: string;
  readonly #line: Line;
  readonly #close: () => void;

  private constructor(line: Line, close: () => void) {
    this.name = line.name;
    this.#line = line;
    this.#close = close;
  }

  /** `name`: host with an optional port, as in references. Errors: REGISTRY_BLOCKED, REGISTRY_UNREACHABLE, CANCELED. */
  static async connect(name: string, options: ConnectOptions = {}): Promise<Registry> {
    const { settings = {}, credentials = async () => undefined } = options;
    if (settings.blocked)
      throw new StrakeError("REGISTRY_BLOCKED", `registries.conf blocks ${name}`, {
        hint: "remove `blocked = true` there if this is a mistake",
      });
    const host = name === "docker.io" ? hubAddress : name;
    // Loopback needs no TLS (as in Docker), unless somebody took the trouble to give it a CA.
    const isLax =
      settings.insecure === true ||
      (isLoopback(host) && settings.tls?.ca === undefined && settings.verify !== true);
    const tls: TlsOptions = { ...settings.tls, ...(isLax ? { insecure: true } : {}) };
    const place = settings.url?.host ?? host;
    const proxies = settings.proxy === undefined ? options.proxies : () => settings.proxy;
    const open = (own: TlsOptions) =>
      createTransport({
        tls: (url) => (url.host === place ? own : undefined),
        publicOnly: (url) => options.redirects === "public" && url.host !== place,
        dialMs: (url) => (url.host === place ? settings.dialMs : undefined),
        ...(proxies === undefined ? {} : { proxies }),
        ...(options.stallMs === undefined ? {} : { stallMs: options.stallMs }),
        ...(options.answerMs === undefined ? {} : { answerMs: options.answerMs }),
      });
    const pair = await chooseCertificate(settings.clients ?? [], {
      url: new URL(`${settings.root ?? "/v2"}/`, `https://${place}`),
      open: (each) => open({ ...tls, ...each }),
      signal: options.signal,
    });
    const transport = open({ ...tls, ...pair });
    const base = await baseOf(settings, { place, isLax, send: transport.send, signal: options.signal });
    const send = chain(
      [
        ...(options.onWarning === undefined ? [] : [hearWarnings(options.onWarning)]),
        ...(settings.namespace === undefined ? [] : [namespace(settings.namespace, base.origin)]),
        authorize({ name, origin: base.origin, credentials, allowPlainRealm: base.protocol === "http:" }),
        userAgent(options.userAgent ?? "strake"),
        retry(options.retry),
        followRedirects,
        ...(settings.headers === undefined ? [] : [hostHeaders(settings.headers, base.origin)]),
      ],
      transport.send,
    );
    const root = settings.root ?? "/v2";
    return new Registry({ send, base, root, name, retry: options.retry ?? {} }, transport.close);
  }

  /** A repository by its path. `pinned`: a tag and what it means, asked for by that digest from then on. Errors: REFERENCE_INVALID. */
  repository(path: string, pinned?: PinnedTag): Repository {
    if (!isRepositoryPath(path))
      throw new StrakeError("REFERENCE_INVALID", `${JSON.stringify(path)} is not a repository's path`);
    return new Repository(this.#line, path, pinned);
  }

  /** Whether the registry answers and takes our credentials. Errors: REGISTRY_*. */
  async ping(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const url = new URL(`${this.#line.root}/`, this.#line.base);
    const response = await this.#line.send({ method: "GET", url, headers: {}, ...options });
    if (response.status === 404) {
      response.discard();
      throw new StrakeError(
        "REGISTRY_NOT_FOUND",
        `${this.name} answers, but not as a registry does: ${url.pathname} is not there`,
        {
          hint: "check its name and port; a registry below a path is set up in hosts.toml",
        },
      );
    }
    if (response.status !== 200) throw await answerError(response, "the registry");
    response.discard();
  }

  /** Names of repositories, as far as the registry tells (`/v2/_catalog`, older than the specification). Errors: REGISTRY_*. */
  async *catalog(options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<string, void, undefined> {
    const url = new URL(`${this.#line.root}/_catalog?n=1000`, this.#line.base);
    const request = { method: "GET", url, headers: {}, scopes: ["registry:catalog:*"], ...options } as const;
    for await (const page of pages(this.#line, request, "the catalog")) {
      const names = (page as { repositories?: unknown } | null)?.repositories ?? [];
      if (!Array.isArray(names))
        throw new StrakeError("REGISTRY_RESPONSE", `${this.name} sent a malformed catalog`);
      // Names are printed and used in addresses.
      yield* names.filter((name): name is string => typeof name === "string" && isRepositoryPath(name));
    }
  }

  close(): void {
    this.#close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

interface Finding {
  readonly place: string;
  readonly isLax: boolean;
  readonly send: Send;
  readonly signal: AbortSignal | undefined;
}

/** Where the registry answers: as it is set up, or with TLS, and without it only where nobody insists on it. */
async function baseOf({ url, tryTLS }: HostSettings, { place, isLax, send, signal }: Finding): Promise<URL> {
  if (url !== undefined && !tryTLS) return url;
  const secure = new URL(`https://${place}`);
  if (url === undefined && !isLax) return secure;
  return (await speaksTLS(send, secure, signal)) ? secure : (url ?? new URL(`http://${place}`));
}

/** Registries that need no TLS may have it all the same. */
async function speaksTLS(send: Send, base: URL, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    const url = new URL("/v2/", base);
    (await send({ method: "GET", url, headers: {}, ...(signal ? { signal } : {}) })).discard();
    return true;
  } catch (error) {
    throwIfAborted(signal);
    // Who wants our certificate speaks TLS.
    if (error instanceof StrakeError && error.code.startsWith("REGISTRY_"))
      return isCertificateAlert(error.cause);
    throw error;
  }
}

export function isLoopback(host: string): boolean {
  const name = host.replace(/:[0-9]+$/, "");
  return name === "localhost" || name === "[::1]" || /^127(?:\.[0-9]{1,3}){3}$/.test(name);
}
