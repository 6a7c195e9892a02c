import type { AccessConfig } from "../access/config.ts";
import type { CollectionTimes, ScrubTimes } from "../housekeeping.ts";
import type { ProxyConfig } from "../proxy/index.ts";
import type { WebhookTarget } from "../webhooks/target.ts";

export type StorageConfig =
  | { readonly driver: "memory" }
  /** `root`: the folder; where the data root is, when absent. */
  | { readonly driver: "files"; readonly root?: string }
  /** Credentials, and region and endpoint where absent, come from the environment (AWS_*). */
  | {
      readonly driver: "s3";
      readonly bucket: string;
      /** Ends with a slash unless it is empty. */
      readonly prefix?: string;
      readonly endpoint?: string;
      readonly region?: string;
      /** Who pulls a blob larger than 1 MiB is sent to the S3 server for it. */
      readonly redirect?: boolean;
      /** The S3 server as those who are sent there reach it. */
      readonly publicEndpoint?: string;
    };

export interface WebhookConfig extends Omit<WebhookTarget, "secret"> {
  readonly secret?: string;
  /** Path of a file that holds the secret. */
  readonly secretFile?: string;
}

/** A registry as its configuration file describes it. Paths are as they are written there. */
export interface ServerConfig {
  readonly storage: StorageConfig;
  /** `ADDRESS:PORT`. */
  readonly listen?: string;
  readonly open?: boolean;
  readonly sparse?: boolean;
  /** Paths of a certificate chain and its key, and of the authorities that clients have to be of, in PEM. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCA?: string };
  readonly access?: AccessConfig;
  /** Other registries whose images are served here and kept. */
  readonly proxy?: readonly ProxyConfig[];
  /** What clients call this registry in `ns=`. */
  readonly names?: readonly string[];
  /** Addresses and networks of proxies whose X-Forwarded-For says who asks, and X-Forwarded-Proto how. */
  readonly trustedProxies?: readonly string[];
  readonly collection: CollectionTimes;
  readonly scrub?: ScrubTimes;
  readonly webhooks: readonly WebhookConfig[];
  /** Where metrics and health are served without asking who one is, `ADDRESS:PORT`. */
  readonly metrics?: { readonly listen: string };
  /** Where the access log goes: `stdout`, `none`, or a file's path. */
  readonly log: string;
  /** Milliseconds that what is being answered may take after the registry was asked to stop. */
  readonly stopTimeout: number;
}
