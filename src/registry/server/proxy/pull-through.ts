import { StrakeError } from "../../../errors/index.ts";
import type { Digest } from "../../../oci/index.ts";
import { toldToWait } from "../../client/index.ts";
import type { Core } from "../core.ts";
import { holdIfWritable } from "../gc/hold.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { Route } from "../protocol/route.ts";
import type { ProxyConfig } from "./config.ts";
import { checkProxies } from "./decode-config.ts";
import { Expiring } from "./expiring.ts";
import type { Fill } from "./fill.ts";
import { Flights } from "./flight.ts";
import { ProxyMetrics } from "./proxy-metrics.ts";
import { Upstream } from "./upstream.ts";
import { upstreamFailure } from "./upstream-failure.ts";

/** Milliseconds for which an upstream that allows no more requests is asked nothing, however long it said: limits are also raised. */
const longestRest = 60_000;

/** A repository that is cached here. */
export interface Target {
  readonly upstream: Upstream;
  /** Ours. */
  readonly repository: string;
}

/** What became of a request to a cached repository, for the log and the metrics. */
export type CacheResult = "hit" | "miss" | "joined" | "revalidated" | "stale";

export interface CachedAnswer {
  readonly response: Response;
  /** Undefined for changes. */
  readonly cache?: CacheResult;
}

/** The upstreams of a registry, and what is known of them from one request to the next. */
export class PullThrough {
  readonly upstreams: readonly Upstream[];
  readonly metrics = new ProxyMetrics();
  /** Downloads of blobs by upstream and digest. */
  readonly fills = new Map<string, { readonly fill: Fill; readonly repository: string }>();
  /** Questions to upstreams that are being answered. */
  readonly flights = new Flights();
  /** Tags that need no question now. */
  readonly fresh = new Expiring<true>(100_000);
  /** What upstreams do not have. */
  readonly absent = new Expiring<true>(20_000);
  /** Lists of tags and of referrers. */
  readonly lists = new Expiring<unknown>(50);
  /** When something was last marked as used. */
  readonly touched = new Expiring<true>(100_000);
  readonly #names: ReadonlySet<string>;
  readonly #closing = new AbortController();

  /** `names`: what this registry is called where `ns=` is sent. Throws REGISTRY_SERVER_CONFIG. */
  constructor(configs: readonly ProxyConfig[], names: readonly string[] = []) {
    this.upstreams = checkProxies([...configs])
      .map((config) => new Upstream(config))
      .sort((a, b) => b.prefix.length - a.prefix.length);
    this.#names = new Set(names);
  }

  get signal(): AbortSignal {
    return this.#closing.signal;
  }

  /** The cached repository that a name stands for; undefined for one of our own. */
  find(repository: string): Target | undefined {
    const upstream = this.upstreams.find(({ prefix }) => repository.startsWith(`${prefix}/`));
    return (
      upstream && {
        upstream,
        repository: upstream.repositoryOf(repository.slice(upstream.prefix.length + 1)),
      }
    );
  }

  /**
   * What a request is about. With `ns=` (containerd, for a mirror) it is the image of that registry and never one of ours
   * that happens to have its name. Throws NAME_UNKNOWN for a registry that is not cached here: the client goes on to it.
   */
  target(
    route: Route,
    query: URLSearchParams,
    host: string,
  ): (Target & { readonly asked: string }) | undefined {
    if (!("repository" in route)) return undefined;
    const found = this.find(route.repository);
    if (found) return { ...found, asked: route.repository };
    const namespace = query.get("ns");
    if (namespace === null || namespace === host || this.#names.has(namespace)) return undefined;
    const upstream = this.upstreams.find(({ namespaces }) => namespaces.includes(namespace));
    if (!upstream)
      throw new Refusal("NAME_UNKNOWN", "this registry caches no registry of that name", {
        detail: { ns: namespace.slice(0, 255) },
      });
    const repository = upstream.repositoryOf(route.repository);
    return { upstream, repository, asked: repository };
  }

  /** Whether the repository's content can be had from an upstream again. */
  covers(repository: string): boolean {
    return this.upstreams.some(({ prefix }) => repository.startsWith(`${prefix}/`));
  }

  /** Those of which not everything is kept. */
  get limited(): readonly Upstream[] {
    return this.upstreams.filter(({ maxBytes, maxAge }) => maxBytes !== undefined || maxAge !== undefined);
  }

  /** Marks something as used, as often as matters: by what was used last it is decided what goes. */
  async touch(core: Core, key: string, hold: () => Promise<unknown>): Promise<void> {
    if (this.touched.get(key)) return;
    this.touched.set(key, true, core.grace / 8);
    await holdIfWritable(hold, async () => undefined);
  }

  /** One question to an upstream, however many clients wait for its answer. */
  ask<T>(upstream: Upstream, name: string, work: () => Promise<T>): Promise<T> {
    return this.flights.do(name, async () => {
      if (upstream.silent.isOn)
        throw new StrakeError(
          "REGISTRY_STALLED",
          `the upstream of ${upstream.prefix}/ did not answer a moment ago`,
        );
      if (upstream.limited.isOn) throw stillLimited(upstream);
      try {
        return await work();
      } catch (error) {
        if (error instanceof StrakeError && error.code === "REGISTRY_STALLED") upstream.silent.begin();
        if (error instanceof StrakeError && error.code === "REGISTRY_RATE_LIMITED") {
          upstream.toldToWait = toldToWait(error);
          upstream.limited.begin(Math.min(upstream.toldToWait ?? longestRest, longestRest));
        }
        this.noteFailure(upstream, error);
        throw error;
      }
    });
  }

  noteFailure({ prefix }: Upstream, error: unknown): void {
    if (upstreamFailure(error)) this.metrics.failure(prefix, (error as StrakeError).code);
  }

  close(): void {
    this.#closing.abort();
    for (const upstream of this.upstreams) upstream.close();
  }
}

/** What the upstream said, which is less of a wait by now. */
function stillLimited({ prefix, limited, toldToWait: told }: Upstream): StrakeError {
  const retryAfterMs = told === undefined ? undefined : told - limited.past;
  return new StrakeError(
    "REGISTRY_RATE_LIMITED",
    `the upstream of ${prefix}/ allowed no more requests a moment ago`,
    {
      cause: { retryAfterMs },
    },
  );
}

export const nameOf = (repository: string, reference: string | Digest) =>
  `${repository}${reference.includes(":") ? "@" : ":"}${reference}`;
