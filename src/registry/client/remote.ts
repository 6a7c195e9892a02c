import { checkOptions, type OptionKinds, StrakeError } from "../../errors/index.ts";
import type { Reference } from "../../oci/index.ts";
import type { Credentials } from "./auth/credentials.ts";
import { isOfTarget } from "./copy-side.ts";
import { Keychain } from "./credentials/keychain.ts";
import { Hosts } from "./hosts/hosts.ts";
import type { Endpoint } from "./hosts/settings.ts";
import type { RetryOptions } from "./http/retry.ts";
import { explainMissing } from "./missing.ts";
import { demandImage } from "./names-registry.ts";
import { type Proxies, proxiesOf } from "./proxy/environment.ts";
import { Registry } from "./registry.ts";
import type { PinnedTag, Repository } from "./repository.ts";

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
  readonly onWarning?: (host: string, text: string) => void;
  readonly signal?: AbortSignal;
}

export const remoteOptionKinds: OptionKinds<RemoteOptions> = {
  ...{ env: "texts?", insecure: "boolean?", credentials: "object?", retry: "object?", stallMs: "number?" },
  ...{ answerMs: "number?", userAgent: "string?", onWarning: "function?", signal: "signal?" },
};

/** What else a reference says is only looked at to tell one that was mistyped. */
type RepositoryName = Pick<Reference, "domain" | "path"> & Partial<Reference>;

/** Registries as this machine is set up for them: mirrors, insecure ones, CAs, credentials, proxies. Connections are shared and ended by `close`. */
export class Remote {
  readonly #options: RemoteOptions;
  readonly #hosts: Hosts;
  readonly #keychain: Keychain;
  readonly #proxies: Proxies;
  readonly #open = new Map<string, Promise<Registry>>();

  /** Errors: REGISTRY_CONFIG, USAGE. */
  constructor(options: RemoteOptions = {}) {
    checkOptions("what is asked of a registry", options, remoteOptionKinds);
    this.#options = options;
    this.#hosts = new Hosts({
      ...(options.env ? { env: options.env } : {}),
      ...(options.insecure ? { insecure: true } : {}),
    });
    this.#keychain = new Keychain(options.env);
    this.#proxies = proxiesOf(options.env ?? process.env);
  }

  /** The registry itself, to be asked for its lists. Errors: REGISTRY_BLOCKED, REGISTRY_UNREACHABLE. */
  registry(host: string): Promise<Registry> {
    return this.#connect(this.#hosts.forLists(host, ""), host);
  }

  /** The registry under its own name, to try credentials with. Errors as of `registry`. */
  registryForLogin(host: string): Promise<Registry> {
    return this.#connect(this.#hosts.forLogin(host), host);
  }

  /** The repository at the registry itself, past all mirrors, to be changed. */
  async repository(reference: RepositoryName): Promise<Repository> {
    demandImage(reference);
    const { domain, path } = reference;
    const endpoint = this.#hosts.forPush(domain, path);
    return (await this.#connect(endpoint, domain)).repository(endpoint.path);
  }

  /** The repository at the registry itself, past all mirrors, to be asked for its lists: tags, referrers. */
  async origin(reference: RepositoryName): Promise<Repository> {
    demandImage(reference);
    const { domain, path } = reference;
    const endpoint = this.#hosts.forLists(domain, path);
    return (await this.#connect(endpoint, domain)).repository(endpoint.path);
  }

  /**
   * Does `work` with each place the repository can be read from, mirrors first, until one succeeds. The error of the registry itself
   * is the one that is thrown; `onMirrorFailure` is told of the others. What failed at the place that is copied to is thrown at once. A mirror that hosts.toml does not let say what a tag means is
   * asked for the digest that the first place says which may.
   */
  read<T>(
    reference: Pick<Reference, "domain" | "path" | "digest" | "tag">,
    work: (repository: Repository) => Promise<T>,
    onMirrorFailure: (host: string, error: StrakeError) => void = () => {},
  ): Promise<T> {
    return explainMissing(() => this.#read(reference, work, onMirrorFailure), this.#options.signal);
  }

  async #read<T>(
    reference: Pick<Reference, "domain" | "path" | "digest" | "tag">,
    work: (repository: Repository) => Promise<T>,
    onMirrorFailure: (host: string, error: StrakeError) => void,
  ): Promise<T> {
    demandImage(reference);
    const { domain, path, digest } = reference;
    const all = this.#hosts.forPull(domain, path);
    let pinned: Promise<PinnedTag | undefined> | undefined;
    let failure: unknown;
    for (const endpoint of all) {
      if (!isFor(endpoint, digest)) continue;
      try {
        const place = async (pin?: PinnedTag) =>
          (await this.#connect(endpoint, domain)).repository(endpoint.path, pin);
        if (digest !== undefined || !endpoint.needsDigest) return await work(await place());
        pinned ??= this.#pin(reference, all);
        const pin = await pinned;
        if (pin !== undefined) return await work(await place(pin));
      } catch (error) {
        if (!endpoint.isMirror || !(error instanceof StrakeError) || error.class === "canceled") throw error;
        if (isOfTarget(error)) throw error;
        onMirrorFailure(endpoint.host, error);
        failure = error;
      }
    }
    throw failure ?? nobody(domain, digest === undefined);
  }

  /** What the tag means, as the first place says that may; undefined where none does: then the registry's own error is to come. */
  async #pin(
    { domain, tag }: Pick<Reference, "domain" | "tag">,
    all: readonly Endpoint[],
  ): Promise<PinnedTag | undefined> {
    const { signal } = this.#options;
    if (tag === undefined) return undefined;
    for (const endpoint of all.filter((each) => isFor(each, undefined) && !each.needsDigest)) {
      try {
        const place = (await this.#connect(endpoint, domain)).repository(endpoint.path);
        return { tag, digest: (await place.resolve(tag, signal ? { signal } : {})).digest };
      } catch (error) {
        if (!(error instanceof StrakeError) || error.class === "canceled") throw error;
      }
    }
    return undefined;
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

  /** `named`: the registry as the user calls it. Credentials that the user gave by hand are for that one alone. */
  #connect(endpoint: Endpoint, named: string): Promise<Registry> {
    const given = endpoint.host === named ? this.#options.credentials : undefined;
    const {
      host,
      path: _path,
      isMirror: _isMirror,
      pullFrom: _from,
      needsDigest: _needs,
      ...settings
    } = endpoint;
    const key = JSON.stringify([host, given !== undefined, settings]);
    let found = this.#open.get(key);
    if (found === undefined) {
      const { retry, stallMs, answerMs, userAgent, onWarning, signal } = this.#options;
      found = Registry.connect(host, {
        settings,
        proxies: this.#proxies,
        credentials: async (path) =>
          given ?? (await this.#keychain.find(path === undefined ? host : `${host}/${path}`)),
        ...(retry ? { retry } : {}),
        ...(stallMs === undefined ? {} : { stallMs }),
        ...(answerMs === undefined ? {} : { answerMs }),
        ...(userAgent === undefined ? {} : { userAgent }),
        ...(onWarning === undefined ? {} : { onWarning }),
        ...(signal ? { signal } : {}),
      });
      this.#open.set(key, found);
    }
    return found;
  }
}

/** Whether a mirror is meant for what is asked: registries.conf has some for digests or tags alone. */
function isFor({ pullFrom }: Endpoint, digest: string | undefined): boolean {
  if (pullFrom === undefined || pullFrom === "all") return true;
  return (pullFrom === "digest-only") === (digest !== undefined);
}

function nobody(domain: string, isTag: boolean): StrakeError {
  const what = isTag ? `be asked what a tag of ${domain} means` : `be asked for images of ${domain}`;
  return new StrakeError("REGISTRY_BLOCKED", `hosts.toml lets no host ${what}`, {
    hint: `one of them needs ${isTag ? '"pull" and "resolve"' : '"pull"'} in its capabilities`,
  });
}
