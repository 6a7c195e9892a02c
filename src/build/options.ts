import type { Emit } from "../events/index.ts";
import type { Digest, Platform } from "../oci/index.ts";
import type { Image, Lease, Store } from "../store/index.ts";

export interface BuildOptions {
  readonly store: Store;
  /** Folder of the build context. Absent for a build without one: COPY from it then fails. */
  readonly context?: string;
  /** Path of the Dockerfile; default `Dockerfile`, else `dockerfile`, in the context. */
  readonly file?: string;
  /**
   * The Dockerfile itself, in place of `file` (`-f -`). Without `context` it may also be a tar, packed or not: then that is the
   * context, and `file` names the Dockerfile in it.
   */
  readonly dockerfile?: string | Uint8Array;
  /** References the image gets. */
  readonly tags?: readonly string[];
  /** Name or number of the stage to build; default the last. */
  readonly target?: string;
  readonly buildArgs?: Readonly<Record<string, string>>;
  /** Labels added last. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Looks nothing up in the cache; results are stored in it all the same. */
  readonly noCache?: boolean;
  /** Network of RUN; default `default`: a network of its own where one can be made, else the host's. */
  readonly network?: "default" | "none" | "host";
  /** `os/arch[/variant]`; default this machine's. */
  readonly platform?: string;
  /**
   * Lends the host's certificate authorities to RUN, without a trace in the image or the cache key. `auto` (the default): when the
   * host trusts more than its distribution does. A path: this bundle.
   */
  readonly hostCA?: "auto" | "on" | "off" | { readonly path: string };
  /** Lends the host's proxy variables to RUN, without a trace in the image or the cache key; default true. */
  readonly hostProxy?: boolean;
  /** Most steps that run at once; default the number of processors, at least 2. */
  readonly parallelism?: number;
  /** Called for base images that are not in the store (a pull). The image must be kept by the lease. */
  readonly fetchImage?: (reference: string, platform: Platform, lease: Lease) => Promise<Image | undefined>;
  /** Calls `fetchImage` for bases that are in the store too; a failure is then the build's. */
  readonly alwaysFetch?: boolean;
  /** Environment of the calling process, for proxies and SSL_CERT_FILE; default `process.env`. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
  readonly emit?: Emit;
}

export interface BuildResult {
  /** Digest of the configuration. */
  readonly imageID: Digest;
  readonly image: Image;
  /** Canonical references that now mean the image. */
  readonly tags: readonly string[];
  /** How many steps of each outcome. */
  readonly steps: { readonly done: number; readonly cached: number };
}
