import { StrakeError } from "../../errors/index.ts";
import type { Digest } from "../../oci/index.ts";
import type { AccessConfig } from "./access/config.ts";
import { AccessControl } from "./access/control.ts";
import { isLoopback } from "./access/loopback.ts";
import { type Access, openAccess } from "./access.ts";
import { type AccessLog, loggedQuery, loggedText } from "./access-log.ts";
import { ManifestCache } from "./cache.ts";
import type { Core } from "./core.ts";
import type { Admit, RegistryListener } from "./events.ts";
import { type CollectOptions, type CollectReport, collect } from "./gc/collect.ts";
import { Schedule } from "./gc/schedule.ts";
import { type ScrubOptions, type ScrubReport, scrub } from "./gc/scrub.ts";
import { listTrash, restore, type TrashEntry } from "./gc/trash.ts";
import { denial, failure, handle, type Outcome, splitURL } from "./handler.ts";
import { Metrics } from "./metrics.ts";
import { type ProxyConfig, PullThrough } from "./proxy/index.ts";
import { type RetentionOptions, type RetentionReport, retain } from "./retention/retain.ts";
import { checkRules, type RetentionRule } from "./retention/rules.ts";
import { Sessions } from "./sessions.ts";
import { MemoryStore } from "./storage/memory.ts";
import type { ObjectStore } from "./storage/object-store.ts";
import type { WebhookTarget } from "./webhooks/target.ts";
import { type WebhookOptions, Webhooks } from "./webhooks/webhooks.ts";

export interface RegistryOptions {
  /** Where everything is kept; memory when absent. The registry closes it when it stops. */
  readonly storage?: ObjectStore;
  /** Address to listen on; 127.0.0.1 when absent. Others than loopback need `rules`, `access` or `open`. */
  readonly hostname?: string;
  /** Serve other machines although nobody is asked who they are. */
  readonly open?: boolean;
  /** 0 takes a free port. */
  readonly port?: number;
  /** Certificate chain and key in PEM. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Users, policies, tokens, limits: what the JSON of access rules says. */
  readonly rules?: AccessConfig;
  /** Who may do what, in code, in place of what `rules` say about it; everybody everything when both are absent. */
  readonly access?: Access;
  /** Rules about what is stored: immutable tags, quotas. */
  readonly admit?: Admit;
  readonly onEvent?: RegistryListener;
  /** Who is told of pushes and deletions. */
  readonly webhooks?: readonly WebhookTarget[];
  readonly webhookOptions?: WebhookOptions;
  readonly log?: AccessLog;
  /** Accept images whose blobs are not all here (distribution-spec lets a registry choose). Refused when absent. */
  readonly sparse?: boolean;
  /** Other registries whose images are served here and kept. */
  readonly proxy?: readonly ProxyConfig[];
  /** What clients call this registry in `ns=`, beside the host they ask: only matters with `proxy`. */
  readonly names?: readonly string[];
  /** Bytes of manifests kept in memory; 32 MiB when absent. */
  readonly manifestCache?: number;
  /** When what nothing needs is taken. The same for all registries that share a bucket. */
  readonly collection?: CollectionTimes;
}

export interface CollectionTimes {
  /**
   * Milliseconds for which what nothing needs is kept all the same: longer than a push takes from its first blob to its
   * manifest, and than clocks differ. An hour when absent.
   */
  readonly grace?: number;
  /** Milliseconds for which deleted manifests and tags can be had back, with all they need; a week when absent. */
  readonly undo?: number;
  /** Milliseconds between collections that happen by themselves; only when `collect` is called when absent. */
  readonly every?: number;
  /** What they do with manifests that no tag leads to; kept when absent. */
  readonly untagged?: "keep" | "collect";
  /** Rules about tags that they apply first. */
  readonly retention?: readonly RetentionRule[];
}

/** Seconds without a byte after which a connection is closed. Bun's longest. */
const idleSeconds = 255;

/**
 * A registry that speaks the OCI distribution-spec 1.1 over HTTP.
 *
 *     await using registry = await Registry.start();
 *     await fetch(`${registry.url}v2/`);
 */
export class Registry implements AsyncDisposable {
  readonly #core: Core;
  readonly #options: RegistryOptions;
  readonly #metrics = new Metrics();
  readonly #access: Access;
  readonly #control: AccessControl | undefined;
  readonly #webhooks: Webhooks;
  readonly #schedule: Schedule | undefined;
  readonly #server: Bun.Server<undefined>;
  #stopping: Promise<void> | undefined;

  private constructor(options: RegistryOptions, objects: ObjectStore, control: AccessControl | undefined) {
    this.#options = options;
    this.#control = control;
    this.#access = options.access ?? control?.access ?? openAccess;
    this.#webhooks = new Webhooks(options.webhooks ?? [], options.webhookOptions ?? {}, (outcome) =>
      this.#metrics.webhook(outcome),
    );
    // What another replica may change at any time is not remembered here.
    const cache = new ManifestCache(objects.exclusive ? (options.manifestCache ?? 32 << 20) : 0);
    const proxies = options.proxy ?? [];
    const proxy = proxies.length > 0 ? new PullThrough(proxies, options.names) : undefined;
    this.#metrics.proxy = proxy?.metrics;
    this.#core = {
      objects,
      proxy,
      cache,
      sessions: new Sessions(),
      admit: async (change) => {
        await control?.admit(change);
        await options.admit?.(change);
      },
      emit: (event) => {
        this.#metrics.event(event.type);
        options.onEvent?.(event);
        this.#webhooks.emit(event);
      },
      sparse: options.sparse ?? false,
      grace: options.collection?.grace ?? 3600_000,
      undo: options.collection?.undo ?? 7 * 24 * 3600_000,
    };
    const { every, untagged, retention = [] } = options.collection ?? {};
    checkRules(retention);
    this.#server = Bun.serve({
      hostname: options.hostname ?? "127.0.0.1",
      port: options.port ?? 0,
      tls: options.tls,
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      idleTimeout: idleSeconds,
      development: false,
      // Without saying so Bun lets a second process listen on the same port.
      reusePort: false,
      fetch: (request, server) => this.#answer(request, server),
      error: () => new Response(null, { status: 500 }),
    });
    this.#schedule =
      every === undefined
        ? undefined
        : new Schedule(every, async (signal) => {
            try {
              if (retention.length > 0) await this.retain(retention);
              const report = await this.collect({ untagged, signal });
              this.#metrics.collection(report ? "finished" : "left to another", report);
            } catch {
              this.#metrics.collection("failed", undefined);
            }
          });
  }

  /** Starts serving. Throws what the system says when the address cannot be had, USAGE for a malformed webhook. */
  static async start(options: RegistryOptions = {}): Promise<Registry> {
    const { hostname = "127.0.0.1", rules, access, open, tls } = options;
    if (!rules && !access && !open && !isLoopback(hostname))
      throw new StrakeError(
        "REGISTRY_OPEN",
        `${hostname} can be reached from other machines, and nobody is asked who they are`,
        { hint: "listen on 127.0.0.1, give access rules, or ask for an open registry" },
      );
    const objects = options.storage ?? new MemoryStore();
    const control = rules && (await AccessControl.open(rules, objects, { tls: tls !== undefined }));
    return new Registry(options, objects, control);
  }

  /** `http://127.0.0.1:5000/`, as it listens. */
  get url(): URL {
    return this.#server.url;
  }

  /** `127.0.0.1:5000`: what stands before the slash in a reference to an image here. */
  get host(): string {
    return this.#server.url.host;
  }

  get port(): number {
    return this.#server.port ?? 0;
  }

  /** Takes what nothing needs, while serving. Undefined when another collection is at work. Errors: REGISTRY_STORAGE. */
  collect(options: CollectOptions = {}): Promise<CollectReport | undefined> {
    return collect(this.#core, options);
  }

  /** Deletes the tags that no rule keeps. Errors: USAGE, REGISTRY_STORAGE. */
  retain(rules: readonly RetentionRule[], options: RetentionOptions = {}): Promise<RetentionReport> {
    return retain(this.#core, rules, options);
  }

  /** Reads everything that is stored and finds what has changed on the medium. Errors: CANCELED, REGISTRY_STORAGE. */
  scrub(options: ScrubOptions = {}): Promise<ScrubReport> {
    return scrub(this.#core.objects, options);
  }

  /** What was deleted and can be had back. Errors: REGISTRY_STORAGE. */
  trash(repository?: string): Promise<TrashEntry[]> {
    return listTrash(this.#core.objects, repository);
  }

  /**
   * Puts a deleted manifest back with those of its tags that point nowhere else by now; resolves to them, or to undefined
   * when it cannot be had back. Errors: REGISTRY_STORAGE.
   */
  restore(repository: string, digest: Digest): Promise<readonly string[] | undefined> {
    return restore(this.#core, repository, digest);
  }

  /**
   * Stops taking connections, lets what is being answered finish for at most `grace` milliseconds (30 seconds when
   * absent), then closes everything. Idempotent.
   */
  stop(options: { grace?: number } = {}): Promise<void> {
    this.#stopping ??= this.#stop(options.grace ?? 30_000);
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop({ grace: 1000 });
  }

  async #stop(grace: number): Promise<void> {
    const end = Date.now() + grace;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, grace);
    });
    await Promise.race([this.#server.stop(false), late]);
    clearTimeout(timer);
    await this.#server.stop(true);
    await this.#schedule?.stop();
    this.#core.proxy?.close();
    await this.#webhooks.close(Math.max(0, end - Date.now()));
    await this.#core.objects[Symbol.asyncDispose]();
  }

  async #answer(request: Request, server: Bun.Server<undefined>): Promise<Response> {
    const started = performance.now();
    const remote = () => server.requestIP(request)?.address ?? "";
    this.#metrics.inFlight++;
    try {
      const outcome = splitURL(request.url).path.startsWith("/v2")
        ? await handle(this.#core, this.#access, request, remote)
        : await this.#page(request, remote);
      this.#record(request, outcome, { started, remote });
      return outcome.response;
    } finally {
      this.#metrics.inFlight--;
    }
  }

  /** What is served beside the API: health for load balancers, metrics. */
  async #page(request: Request, remote: () => string): Promise<Outcome> {
    const { path, query } = splitURL(request.url);
    const text = (body: string, status = 200) =>
      new Response(body, { status, headers: { "Content-Type": "text/plain; charset=utf-8" } });
    const answer = async (): Promise<Response> => {
      switch (path) {
        case "/healthz":
          return text("ok\n");
        case "/readyz":
          if (this.#stopping) return text("stopping\n", 503);
          return this.#core.objects.check().then(
            () => text("ok\n"),
            () => text("the storage cannot be used\n", 503),
          );
        case "/metrics": {
          const decision = await this.#access({ action: "metrics", headers: request.headers, remote });
          if (!decision.allow) return denial(decision).response();
          return new Response(this.#metrics.render(), {
            headers: { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" },
          });
        }
        default:
          return (await this.#control?.page(request, { path, query, remote })) ?? text("not found\n", 404);
      }
    };
    try {
      return { response: await answer(), route: "other" };
    } catch (error) {
      const { response, message } = failure(error);
      return { response, route: "other", error: message };
    }
  }

  #record(
    request: Request,
    { response, route, actor, error, upstream, cache }: Outcome,
    { started, remote }: { started: number; remote: () => string },
  ): void {
    const { method } = request;
    const { status } = response;
    const elapsed = performance.now() - started;
    const bytes = method === "HEAD" ? 0 : Number(response.headers.get("content-length") ?? 0);
    const received =
      method === "GET" || method === "HEAD" ? 0 : Number(request.headers.get("content-length") ?? 0);
    this.#metrics.observe({
      route,
      method,
      status,
      seconds: elapsed / 1000,
      bytesIn: received,
      bytesOut: bytes,
    });
    if (!this.#options.log) return;
    const { path, query } = splitURL(request.url);
    this.#options.log({
      time: new Date(Date.now() - elapsed).toISOString(),
      ...{
        remote: remote(),
        actor,
        method,
        path: loggedText(path)!,
        query: loggedQuery(query),
        status,
        bytes,
      },
      duration: Math.round(elapsed * 1000) / 1000,
      userAgent: loggedText(request.headers.get("user-agent")),
      ...{ upstream, cache, error },
    });
  }
}
