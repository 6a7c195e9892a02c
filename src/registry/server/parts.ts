import { StrakeError } from "../../errors/index.ts";
import { asksNobody } from "./access/config.ts";
import { AccessControl } from "./access/control.ts";
import { decodeAccessConfig } from "./access/decode-config.ts";
import { Htpasswd } from "./access/htpasswd.ts";
import { isLoopback } from "./access/loopback.ts";
import { Robots } from "./access/robots.ts";
import { type Administration, StorageAdministration } from "./administration.ts";
import { ManifestCache } from "./cache.ts";
import type { Core } from "./core.ts";
import { checkFormat } from "./format.ts";
import { isNetwork, TrustedProxies } from "./http/trusted-proxies.ts";
import type { Metrics } from "./metrics.ts";
import { OpenUploads } from "./open-uploads.ts";
import { PullThrough } from "./proxy/index.ts";
import { Quotas } from "./quota/quotas.ts";
import { checkRules } from "./retention/rules.ts";
import type { RegistryOptions } from "./server.ts";
import { Sessions } from "./sessions.ts";
import type { ObjectStore } from "./storage/object-store.ts";
import { checkCertificate } from "./tls.ts";
import { type OnOutcome, Webhooks } from "./webhooks/webhooks.ts";

/** What a registry is made of, opened and checked. */
export interface Parts {
  readonly objects: ObjectStore;
  readonly robots: Robots;
  readonly control: AccessControl | undefined;
  readonly metrics: Metrics;
  readonly webhooks: Webhooks;
  readonly trustedProxies: TrustedProxies | undefined;
}

/** Throws REGISTRY_OPEN for a registry that would let everybody in by accident. */
export function checkOpen({ hostname = "127.0.0.1", rules, access, open, tls }: RegistryOptions): void {
  const isAsked = (rules && !asksNobody(rules)) || access || tls?.clientCA !== undefined;
  if (isAsked || open || isLoopback(hostname)) return;
  throw new StrakeError(
    "REGISTRY_OPEN",
    `${hostname} can be reached from other machines, and nobody is asked who they are`,
    {
      hint: "name who may come in (--htpasswd FILE, or access rules), listen on 127.0.0.1, or serve everybody all the same (--open)",
    },
  );
}

/** Throws USAGE for what is no address and no network. */
export function openTrustedProxies({ trustedProxies }: RegistryOptions): TrustedProxies | undefined {
  const wrong = trustedProxies?.find((network) => !isNetwork(network));
  if (wrong !== undefined)
    throw new StrakeError(
      "USAGE",
      `trustedProxies: ${JSON.stringify(wrong)} is no address and no network such as 10.0.0.0/8`,
    );
  return trustedProxies && new TrustedProxies(trustedProxies);
}

/** Everything about the options that can be wrong before storage is opened. Throws as {@link Registry.start}. */
export function checkRegistryOptions(options: RegistryOptions): void {
  checkOpen(options);
  if (options.tls) checkCertificate(options.tls);
  openWebhooks(options, () => {});
  const rules = options.rules && decodeAccessConfig(options.rules);
  if (rules?.htpasswd !== undefined) new Htpasswd(rules.htpasswd);
}

export async function openControl(
  { rules }: RegistryOptions,
  objects: ObjectStore,
  robots: Robots,
): Promise<AccessControl | undefined> {
  return rules && AccessControl.open(rules, objects, robots);
}

/** Checks the rules about tags as well: both can be wrong only before anything has begun. Throws USAGE. */
export function openWebhooks(
  { webhooks = [], webhookOptions = {}, collection }: RegistryOptions,
  onOutcome: OnOutcome,
): Webhooks {
  checkRules(collection?.retention ?? []);
  return new Webhooks(webhooks, webhookOptions, onOutcome);
}

/** Those of the core's rules that may be changed while it is used. */
export function storedRules(
  { sparse, collection, rules }: RegistryOptions,
  { objects, proxy }: Pick<Core, "objects" | "proxy">,
): Pick<Core, "sparse" | "grace" | "undo" | "quotas"> {
  const isCached = (repository: string) => proxy?.covers(repository) ?? false;
  return {
    quotas: new Quotas(objects, rules?.quotas ?? [], isCached),
    sparse: sparse ?? false,
    grace: collection?.grace ?? 3600_000,
    undo: collection?.undo ?? 7 * 24 * 3600_000,
  };
}

/**
 * The administration of a storage that is not served here: of a folder that nobody serves, or of a bucket, whoever
 * serves it meanwhile. Closes the storage when it is disposed of. Errors: as for a start.
 */
export async function openAdministration(
  options: RegistryOptions & { readonly storage: ObjectStore },
): Promise<{ administration: Administration } & AsyncDisposable> {
  const { storage: objects } = options;
  await checkFormat(objects);
  const robots = new Robots(objects);
  const control = await openControl(options, objects, robots);
  const webhooks = openWebhooks(options, () => {});
  const proxies = options.proxy ?? [];
  const proxy = proxies.length > 0 ? new PullThrough(proxies, options.names) : undefined;
  const core: Core = {
    ...{
      objects,
      proxy,
      cache: new ManifestCache(0, { isShared: true }),
      sessions: new Sessions(),
      openUploads: new OpenUploads(objects, () => false),
      ...storedRules(options, { objects, proxy }),
    },
    admit: async (change) => {
      await control?.admit(change);
      await options.admit?.(change);
    },
    emit: (event) => webhooks.emit(event),
  };
  const rules = () => options.collection?.retention ?? [];
  return {
    administration: new StorageAdministration(core, robots, rules),
    [Symbol.asyncDispose]: async () => {
      proxy?.close();
      await webhooks.close(10_000);
      await objects[Symbol.asyncDispose]();
    },
  };
}
