import { checkOptions, type OptionKinds, StrakeError } from "../../errors/index.ts";
import type { Digest } from "../../oci/index.ts";
import type { AccessConfig } from "./access/config.ts";
import type { AccessControl } from "./access/control.ts";
import { Robots } from "./access/robots.ts";
import { type Access, openAccess } from "./access.ts";
import { type AccessLog, loggedQuery, loggedText } from "./access-log.ts";
import { type Administration, StorageAdministration } from "./administration.ts";
import { ManifestCache } from "./cache.ts";
import { serveControl } from "./control/serve.ts";
import type { Core } from "./core.ts";
import type { Admit, RegistryListener } from "./events.ts";
import { checkFormat } from "./format.ts";
import type { CollectOptions, CollectReport } from "./gc/collect.ts";
import type { ScrubOptions, ScrubReport } from "./gc/scrub.ts";
import type { TrashEntry } from "./gc/trash.ts";
import { denial, failure, handle, type Outcome, splitURL } from "./handler.ts";
import { type CollectionTimes, Housekeeping, type OnFailure, type ScrubTimes } from "./housekeeping.ts";
import { listenWithBun } from "./http/bun-listener.ts";
import { listenFailure } from "./http/listen-failure.ts";
import type { Listener } from "./http/listener.ts";
import { listenWithNode } from "./http/node-listener.ts";
import type { IncomingRequest, Sender } from "./http/request.ts";
import type { TrustedProxies } from "./http/trusted-proxies.ts";
import { Metrics } from "./metrics.ts";
import { OpenUploads } from "./open-uploads.ts";
import {
  checkOpen,
  openControl,
  openTrustedProxies,
  openWebhooks,
  type Parts,
  storedRules,
} from "./parts.ts";
import { textAnswer } from "./protocol/text-answer.ts";
import { type ProxyConfig, PullThrough } from "./proxy/index.ts";
import type { RetentionOptions, RetentionReport } from "./retention/retain.ts";
import type { RetentionRule } from "./retention/rules.ts";
import { Sessions } from "./sessions.ts";
import { MemoryStore } from "./storage/memory.ts";
import type { ObjectStore } from "./storage/object-store.ts";
import { checkCertificate, type ServerTLS } from "./tls.ts";
import type { WebhookTarget } from "./webhooks/target.ts";
import type { OnOutcome, WebhookOptions, Webhooks } from "./webhooks/webhooks.ts";

export interface RegistryOptions {
  /** Where everything is kept; memory when absent. The registry closes it when it stops. */
  readonly storage?: ObjectStore;
  /** Address to listen on; 127.0.0.1 when absent. Others than loopback need `rules`, `access` or `open`. */
  readonly hostname?: string;
  /** Serve other machines although nobody is asked who they are. */
  readonly open?: boolean;
  /** 0 takes a free port. */
  readonly port?: number;
  readonly tls?: ServerTLS;
  /** Users, policies, tokens, limits: what the JSON of access rules says. */
  readonly rules?: AccessConfig;
  /** Who may do what, in code, in place of what `rules` say about it; everybody everything when both are absent. */
  readonly access?: Access;
  /** Rules about what is stored: immutable tags, quotas. */
  readonly admit?: Admit;
  readonly onEvent?: RegistryListener;
  readonly onFailure?: OnFailure;
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
  /** Addresses and networks of proxies whose X-Forwarded-For says who asks, and X-Forwarded-Proto how; nobody's is believed when absent. */
  readonly trustedProxies?: readonly string[];
  /** Bytes of manifests kept in memory; 32 MiB when absent, 8 MiB over a storage that others write to. */
  readonly manifestCache?: number;
  /** When what nothing needs is taken. The same for all registries that share a bucket. */
  readonly collection?: CollectionTimes;
  /** When everything is read to find what has changed on the medium; only when `scrub` is called when absent. */
  readonly scrubbing?: ScrubTimes;
  /** A second address, which serves metrics and health alone and asks nobody who they are. */
  readonly reports?: { readonly hostname?: string; readonly port: number };
  /** Path of a Unix socket that takes the administration's commands; the caller holds the lock of its folder. */
  readonly control?: string;
}

const optionKinds: OptionKinds<RegistryOptions> = {
  ...{ storage: "object?", hostname: "string?", open: "boolean?", port: "number?", tls: "object?" },
  ...{
    rules: "object?",
    access: "function?",
    admit: "function?",
    onEvent: "function?",
    onFailure: "function?",
  },
  ...{ webhooks: "array?", webhookOptions: "object?", log: "function?", sparse: "boolean?", proxy: "array?" },
  ...{ names: "strings?", trustedProxies: "strings?", manifestCache: "number?", collection: "object?" },
  ...{ scrubbing: "object?", reports: "object?", control: "string?" },
};

/** What can be changed while a registry serves; see {@link Registry.reconfigure}. */
export type ChangeableOptions = Pick<
  RegistryOptions,
  "rules" | "webhooks" | "log" | "sparse" | "collection" | "scrubbing" | "tls"
>;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Milliseconds between collections where only the limits of a cache ask for them. */
const limitInterval = 600_000;

/**
 * A registry that speaks the OCI distribution-spec 1.1 over HTTP.
 *
 *     await using registry = await Registry.start();
 *     await fetch(`${registry.url}v2/`);
 */
export class Registry implements AsyncDisposable {
  readonly #core: Mutable<Core>;
  readonly #metrics: Metrics;
  readonly #robots: Robots;
  readonly #trustedProxies: TrustedProxies | undefined;
  #reports: Bun.Server<undefined> | undefined;
  #socket: { stop: () => Promise<void> } | undefined;
  /** What is done beside serving. */
  readonly administration: Administration;
  #options: RegistryOptions;
  #control: AccessControl | undefined;
  #access: Access;
  #webhooks: Webhooks;
  #housekeeping!: Housekeeping;
  #listener!: Listener;
  /** Those with an older certificate that still answer somebody. */
  readonly #retired = new Set<Listener>();
  #stopping: Promise<void> | undefined;

  private constructor(options: RegistryOptions, parts: Parts) {
    const { objects } = parts;
    this.#options = options;
    this.#control = parts.control;
    this.#access = options.access ?? parts.control?.access ?? openAccess;
    this.#metrics = parts.metrics;
    this.#robots = parts.robots;
    this.#trustedProxies = parts.trustedProxies;
    this.#webhooks = parts.webhooks;
    const isShared = !objects.exclusive;
    const cache = new ManifestCache(options.manifestCache ?? (isShared ? 8 : 32) << 20, { isShared });
    const proxies = options.proxy ?? [];
    const proxy = proxies.length > 0 ? new PullThrough(proxies, options.names) : undefined;
    this.#metrics.proxy = proxy?.metrics;
    this.#metrics.inFlight = () =>
      [this.#listener, ...this.#retired].reduce((sum, { inFlight }) => sum + inFlight, 0);
    const sessions = new Sessions();
    const openUploads = new OpenUploads(objects, (id) => sessions.isBusy(id));
    this.#core = {
      ...{ objects, proxy, cache, sessions, openUploads },
      ...storedRules(options, { objects, proxy }),
      admit: async (change) => {
        await this.#control?.admit(change);
        await options.admit?.(change);
      },
      emit: (event) => {
        this.#metrics.event(event.type);
        options.onEvent?.(event);
        this.#webhooks.emit(event);
      },
    };
    const rules = () => this.#options.collection?.retention ?? [];
    this.administration = new StorageAdministration(this.#core, this.#robots, rules);
  }

  async #begin(): Promise<void> {
    const { port = 0, reports, control } = this.#options;
    this.#listener = await this.#listen(port);
    try {
      this.#reports = reports && this.#listenForReports({ hostname: "127.0.0.1", ...reports });
      this.#socket = control === undefined ? undefined : serveControl(this.administration, control);
    } catch (error) {
      void this.#listener.stop(true);
      void this.#reports?.stop(true);
      throw error;
    }
    this.#housekeeping = this.#keepHouse();
  }

  /**
   * Starts serving. Throws PORT_BUSY, USAGE for an address that this machine does not have and for a malformed option, webhook or rule,
   * REGISTRY_SERVER_CONFIG for malformed access rules, REGISTRY_OPEN.
   */
  static async start(options: RegistryOptions = {}): Promise<Registry> {
    checkOptions("Registry.start", options, optionKinds);
    checkOpen(options);
    if (options.tls) checkCertificate(options.tls);
    const trustedProxies = openTrustedProxies(options);
    const objects = options.storage ?? new MemoryStore();
    await checkFormat(objects);
    const robots = new Robots(objects);
    const control = await openControl(options, objects, robots);
    const metrics = new Metrics();
    const webhooks = openWebhooks(options, heard(metrics, options.onFailure));
    const registry = new Registry(options, {
      ...{ objects, robots, control, metrics, webhooks, trustedProxies },
    });
    await registry.#begin();
    return registry;
  }

  /** `http://127.0.0.1:5000/`, as it listens. */
  get url(): URL {
    return this.#listener.url;
  }

  /** `127.0.0.1:5000`: what stands before the slash in a reference to an image here. */
  get host(): string {
    return this.#listener.url.host;
  }

  get port(): number {
    return Number(this.#listener.url.port);
  }

  /** Where metrics and health are served alone, when they are. */
  get reportsURL(): URL | undefined {
    return this.#reports?.url;
  }

  /** Takes what nothing needs, while serving. Undefined when another collection is at work. Errors: REGISTRY_STORAGE. */
  collect(options: CollectOptions = {}): Promise<CollectReport | undefined> {
    return this.administration.collect(options);
  }

  /** Deletes the tags that no rule keeps. Errors: USAGE, REGISTRY_STORAGE. */
  retain(rules: readonly RetentionRule[], options: RetentionOptions = {}): Promise<RetentionReport> {
    return this.administration.retain(rules, options);
  }

  /** Reads everything that is stored and finds what has changed on the medium. Errors: CANCELED, REGISTRY_STORAGE. */
  scrub(options: ScrubOptions = {}): Promise<ScrubReport> {
    return this.administration.scrub(options);
  }

  /** What was deleted and can be had back. Errors: REGISTRY_STORAGE. */
  trash(repository?: string): Promise<readonly TrashEntry[]> {
    return this.administration.trash(repository);
  }

  /**
   * Puts a deleted manifest back with those of its tags that point nowhere else by now; resolves to them, or to undefined
   * when it cannot be had back. Errors: REGISTRY_STORAGE.
   */
  restore(repository: string, digest: Digest): Promise<readonly string[] | undefined> {
    return this.administration.restore(repository, digest);
  }

  /**
   * Goes on with other rules, webhooks, times, log and certificate: all of them as given, absent ones as if they had been
   * absent at the start. Requests that are being answered end as they began. When it throws, nothing has changed.
   * Errors: as {@link Registry.start}.
   */
  async reconfigure(changes: ChangeableOptions): Promise<void> {
    const { rules, webhooks, log, sparse, collection, scrubbing, tls } = changes;
    const options = { ...this.#options, rules, webhooks, log, sparse, collection, scrubbing, tls };
    checkOpen(options);
    if ((tls === undefined) !== (this.#options.tls === undefined))
      throw new StrakeError("USAGE", "TLS is turned on or off by starting the registry again");
    const control = await openControl(options, this.#core.objects, this.#robots);
    const next = openWebhooks(options, heard(this.#metrics, options.onFailure));
    const isNewCertificate = !Bun.deepEquals(tls, this.#options.tls);
    if (tls && isNewCertificate) checkCertificate(tls);
    if (this.#stopping) return;
    const previous = { housekeeping: this.#housekeeping, webhooks: this.#webhooks };
    this.#options = options;
    this.#control = control;
    this.#access = options.access ?? control?.access ?? openAccess;
    this.#webhooks = next;
    Object.assign(this.#core, storedRules(options, this.#core));
    if (isNewCertificate) await this.#listenAgain();
    this.#housekeeping = this.#keepHouse();
    await previous.housekeeping.stop();
    await previous.webhooks.close(this.#stopping ? 0 : 30_000);
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
    const listeners = [this.#listener, ...this.#retired];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, grace);
    });
    await Promise.race([Promise.all(listeners.map((listener) => listener.stop(false))), late]);
    clearTimeout(timer);
    await Promise.all(listeners.map((listener) => listener.stop(true)));
    await this.#housekeeping.stop();
    await this.#socket?.stop();
    this.#core.proxy?.close();
    await this.#webhooks.close(Math.max(0, end - Date.now()));
    // Last of all: whoever balances load reads there that this one is stopping.
    await this.#reports?.stop(true);
    await this.#core.objects[Symbol.asyncDispose]();
  }

  async #listen(port: number): Promise<Listener> {
    const { hostname = "127.0.0.1", tls } = this.#options;
    // What clients send waits for another machine there: see the two.
    const listen = this.#core.objects.kind === "s3" ? listenWithNode : listenWithBun;
    try {
      return await listen({
        ...{ hostname, port, tls },
        answer: (request, remote) => this.#answer(request, remote),
      });
    } catch (cause) {
      throw listenFailure({ hostname, port }, cause);
    }
  }

  #listenForReports({ hostname, port }: { hostname: string; port: number }): Bun.Server<undefined> {
    try {
      return Bun.serve({
        ...{ hostname, port, development: false, reusePort: false },
        fetch: (request) => this.#report(splitURL(request.url).path),
      });
    } catch (cause) {
      throw listenFailure({ hostname, port }, cause);
    }
  }

  /** A listening socket keeps its certificate: another one takes its place, in the same turn of the event loop. */
  async #listenAgain(): Promise<void> {
    const { port } = this;
    const old = this.#listener;
    this.#retired.add(old);
    void old.stop(false).then(() => this.#retired.delete(old));
    this.#listener = await this.#listen(port);
    if (this.#stopping) await this.#listener.stop(true);
  }

  #keepHouse(): Housekeeping {
    const { scrubbing, onFailure } = this.#options;
    const { every, ...rest } = this.#options.collection ?? {};
    // A cache with a limit that nobody enforces has none.
    const limited = (this.#core.proxy?.limited.length ?? 0) > 0;
    const collection = { ...rest, every: every ?? (limited ? limitInterval : undefined) };
    return new Housekeeping(this.administration, this.#metrics, { collection, scrub: scrubbing, onFailure });
  }

  async #answer(request: IncomingRequest, connection: string): Promise<Response> {
    const started = performance.now();
    const trusted = this.#trustedProxies;
    const own = this.#options.tls ? "https" : "http";
    const { headers } = request;
    const sender: Sender = trusted
      ? {
          remote: () => trusted.clientOf(connection, headers.get("x-forwarded-for")),
          scheme: () => trusted.schemeOf(connection, headers.get("x-forwarded-proto")) ?? own,
        }
      : { remote: () => connection, scheme: () => own };
    const outcome = splitURL(request.url).path.startsWith("/v2")
      ? await handle(this.#core, this.#access, request, sender)
      : await this.#page(request, sender);
    this.#record(request, outcome, { started, remote: sender.remote });
    return outcome.response;
  }

  /** What is served beside the API: health for load balancers, metrics, the pages of access. */
  async #page(request: IncomingRequest, sender: Sender): Promise<Outcome> {
    const { path, query } = splitURL(request.url);
    const route = path === "/token" ? "token" : "other";
    const answer = async (): Promise<Response> => {
      if (path === "/metrics") {
        const decision = await this.#access({ action: "metrics", headers: request.headers, ...sender });
        if (!decision.allow) return denial(decision).response();
      }
      const page = await this.#control?.page(request, { path, query, remote: sender.remote });
      return page ?? this.#report(path);
    };
    try {
      return { response: await answer(), route };
    } catch (error) {
      const { response, message } = failure(error);
      return { response, route, error: message };
    }
  }

  async #report(path: string): Promise<Response> {
    if (path === "/healthz") return plain("ok\n");
    if (path === "/readyz") {
      if (this.#stopping) return plain("stopping\n", 503);
      return this.#core.objects.check().then(
        () => plain("ok\n"),
        () => plain("the storage cannot be used\n", 503),
      );
    }
    // Balancers and browsers ask for it.
    if (path === "/") return plain("a registry of images; its API is at /v2/\n");
    if (path !== "/metrics") return plain("not found\n", 404);
    const headers = { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" };
    return textAnswer(this.#metrics.render(), { headers });
  }

  #record(
    request: IncomingRequest,
    { response, route, actor, error, upstream, cache, received = 0 }: Outcome,
    { started, remote }: { started: number; remote: () => string },
  ): void {
    const { method } = request;
    const { status } = response;
    const elapsed = performance.now() - started;
    const hasBody = method !== "HEAD" && status !== 304;
    const bytes = hasBody ? Number(response.headers.get("content-length") ?? 0) : 0;
    this.#metrics.observe({
      route,
      method,
      status,
      seconds: elapsed / 1000,
      bytesIn: received,
      bytesOut: bytes,
    });
    const { log } = this.#options;
    if (!log) return;
    const { path, query } = splitURL(request.url);
    log({
      time: new Date(Date.now() - elapsed).toISOString(),
      ...{
        remote: remote(),
        actor,
        method,
        path: loggedText(path)!,
        query: loggedQuery(query),
        status,
        bytes,
        ...(received > 0 ? { received } : {}),
      },
      duration: Math.round(elapsed * 1000) / 1000,
      userAgent: loggedText(request.headers.get("user-agent")),
      ...{ upstream, cache, error },
    });
  }
}

/** What became of events, counted and, where it is news, told. */
function heard(metrics: Metrics, onFailure: OnFailure | undefined): OnOutcome {
  return (outcome, problem) => {
    metrics.webhook(outcome);
    if (problem) onFailure?.("webhook", problem);
  };
}

function plain(body: string, status = 200): Response {
  return textAnswer(body, { status, headers: { "Content-Type": "text/plain; charset=utf-8" } });
}
