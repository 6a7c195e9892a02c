import type { AccessRequest } from "./access.ts";
import type { ManifestCache } from "./cache.ts";
import type { Admit, RegistryEvent } from "./events.ts";
import type { IncomingRequest } from "./http/request.ts";
import type { OpenUploads } from "./open-uploads.ts";
import type { PullThrough } from "./proxy/pull-through.ts";
import type { Quotas } from "./quota/quotas.ts";
import type { Sessions } from "./sessions.ts";
import type { ObjectStore } from "./storage/object-store.ts";

/** What every operation of one registry shares. */
export interface Core {
  readonly objects: ObjectStore;
  readonly cache: ManifestCache;
  readonly sessions: Sessions;
  readonly openUploads: OpenUploads;
  readonly admit: Admit;
  /** The registries that are cached here. */
  readonly proxy: PullThrough | undefined;
  readonly quotas: Quotas;
  readonly emit: (event: RegistryEvent) => void;
  /** Accept image manifests whose blobs are not all here. */
  readonly sparse: boolean;
  /** Milliseconds for which what nothing needs is kept all the same; see `gc/hold.ts`. */
  readonly grace: number;
  /** Milliseconds for which what was deleted can be had back. */
  readonly undo: number;
}

/** What a request has brought so far: its headers need not say it. */
export interface Traffic {
  received: number;
}

/** One request, after its own access was granted. */
export interface Call {
  readonly core: Core;
  readonly request: IncomingRequest;
  readonly method: string;
  readonly traffic: Traffic;
  readonly query: URLSearchParams;
  readonly actor: string | undefined;
  /** What counts as one client where nobody is logged in: an address or a network. */
  readonly client: () => string;
  readonly visible: ((repository: string) => boolean) | undefined;
  /** Whether the caller may do something else besides, for example read the repository it mounts from. */
  readonly may: (action: AccessRequest["action"], repository?: string) => Promise<boolean>;
}
