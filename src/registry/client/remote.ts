import { StrakeError } from "../../errors/index.ts";
import type { Reference } from "../../oci/index.ts";
import type { Credentials } from "./auth/credentials.ts";
import { Keychain } from "./credentials/keychain.ts";
import { Hosts } from "./hosts/hosts.ts";
import type { Endpoint } from "./hosts/settings.ts";
import type { RetryOptions } from "./http/retry.ts";
import { Registry } from "./registry.ts";
import type { Repository } from "./repository.ts";

export interface RemoteOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** No TLS, or TLS that nobody checks, for every registry. */
  readonly insecure?: boolean;
  /** In place of what the machine's files say. */
  readonly credentials?: Credentials;
  readonly retry?: RetryOptions;
  /** See ConnectOptions. */
  readonly stallMs?: number;
  readonly answerMs?: number;
  readonly userAgent?: string;
  readonly signal?: AbortSignal;
}

/** Registries as this machine is set up for them: mirrors, insecure ones, CAs, credentials. Connections are shared and ended by `close`. */
export class Remote {
  readonly #options: RemoteOptions;
  readonly #hosts: Hosts;
  readonly #keychain: Keychain;
  readonly #open = new Map<string, Promise<Registry>>();

  /** Errors: REGISTRY_CONFIG. */
  constructor(options: RemoteOptions = {}) {
    this.#options = options;
    this.#hosts = new Hosts({
      ...(options.env ? { env: options.env } : {}),
      ...(options.insecure ? { insecure: true } : {}),
    });
    this.#keychain = new Keychain(options.env);
  }

  /** The registry itself. Errors: REGISTRY_BLOCKED, REGISTRY_UNREACHABLE. */
  registry(host: string): Promise<Registry> {
    return this.#connect(this.#hosts.forPush(host, ""));
  }

  /** The repository at the registry itself, past all mirrors. */
  async repository({ domain, path }: Pick<Reference, "domain" | "path">): Promise<Repository> {
    const endpoint = this.#hosts.forPush(domain, path);
    return (await this.#connect(endpoint)).repository(endpoint.path);
  }

  /**
   * Does `work` with each place the repository can be read from, mirrors first, until one succeeds. The error of the registry itself
   * is the one that is thrown; `onMirrorFailure` is told of the others.
   */
  async read<T>(
    reference: Pick<Reference, "domain" | "path" | "digest">,
    work: (repository: Repository) => Promise<T>,
    onMirrorFailure: (host: string, error: StrakeError) => void = () => {},
  ): Promise<T> {
    const endpoints = this.#hosts.forPull(reference.domain, reference.path).filter(({ pullFrom }) => {
      if (pullFrom === undefined || pullFrom === "all") return true;
      return (pullFrom === "digest-only") === (reference.digest !== undefined);
    });
    for (const endpoint of endpoints) {
      try {
        return await work((await this.#connect(endpoint)).repository(endpoint.path));
      } catch (error) {
        if (!endpoint.isMirror || !(error instanceof StrakeError) || error.class === "canceled") throw error;
        onMirrorFailure(endpoint.host, error);
      }
    }
    throw new StrakeError("INTERNAL", "a repository without an endpoint");
  }

  close(): void {
    for (const registry of this.#open.values())
      registry.then(
        (each) => each.close(),
        () => {},
      );
    this.#open.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #connect(endpoint: Endpoint): Promise<Registry> {
    const key = `${endpoint.host} ${endpoint.insecure === true} ${endpoint.blocked === true}`;
    let found = this.#open.get(key);
    if (found === undefined) {
      const { credentials, retry, stallMs, answerMs, userAgent, signal } = this.#options;
      found = Registry.connect(endpoint.host, {
        settings: endpoint,
        credentials: async (path) =>
          credentials ??
          (await this.#keychain.find(path === undefined ? endpoint.host : `${endpoint.host}/${path}`)),
        ...(retry ? { retry } : {}),
        ...(stallMs === undefined ? {} : { stallMs }),
        ...(answerMs === undefined ? {} : { answerMs }),
        ...(userAgent === undefined ? {} : { userAgent }),
        ...(signal ? { signal } : {}),
      });
      this.#open.set(key, found);
    }
    return found;
  }
}
