import { join } from "node:path";
import {
  type AccessLog,
  FileStore,
  type OnFailure,
  Registry,
  type ServerConfig,
} from "../../registry/server/index.ts";
import { type ConfigSource, loadServerConfig } from "./load-config.ts";
import { changeableOptions, parseListen } from "./options.ts";
import { type Environment, openStorage, storageSettings } from "./storage.ts";

export interface ServeRegistryRequest extends ConfigSource {
  /**
   * A folder, `memory`, or `s3://BUCKET[/PREFIX]`, in place of what the configuration says. Default: a folder beside the
   * data root. S3 takes its credentials from where AWS's SDKs do (environment, web identity, ~/.aws, container, EC2 instance), and region
   * and endpoint from the environment when they are not configured.
   */
  readonly storage?: string;
  /** `ADDRESS:PORT` or `:PORT`; default 127.0.0.1:5000. Port 0 takes a free one. */
  readonly listen?: string;
  /** Serve other machines although nobody is asked who they are. */
  readonly open?: boolean;
  /** Accept images whose blobs are not all here. */
  readonly sparse?: boolean;
  readonly log?: AccessLog;
  readonly onFailure?: OnFailure;
  readonly env?: Environment;
}

/** The socket by which commands reach the process that serves a folder. */
export const controlSocket = "control.sock";

/** The configuration of a request: the file's, its settings over it, its own members over those. */
export function configOf(request: ServeRegistryRequest): ServerConfig {
  const { storage, listen, open, sparse } = request;
  const own = { ...(listen === undefined ? {} : { listen }), ...(open === undefined ? {} : { open }) };
  const settings = {
    ...request.settings,
    ...own,
    ...(sparse === undefined ? {} : { sparse }),
    ...(storage === undefined ? {} : { storage: storageSettings(storage) }),
  };
  return loadServerConfig({ config: request.config, settings });
}

/**
 * Starts a registry as it is configured. Errors: USAGE, PORT_BUSY, REGISTRY_SERVER_CONFIG, REGISTRY_OPEN,
 * REGISTRY_STORAGE, REGISTRY_STORAGE_BUSY.
 */
export async function startRegistry(request: ServeRegistryRequest = {}): Promise<Registry> {
  return startConfigured(configOf(request), request);
}

export async function startConfigured(
  config: ServerConfig,
  { log, onFailure, env = process.env }: Pick<ServeRegistryRequest, "log" | "onFailure" | "env">,
): Promise<Registry> {
  const { hostname, port } = parseListen(config.listen ?? "127.0.0.1:5000");
  const options = changeableOptions(config, log);
  const storage = await openStorage(config.storage, { env, onFailure });
  try {
    return await Registry.start({
      ...{ ...options, storage, hostname, port, open: config.open },
      ...{ proxy: config.proxy, names: config.names, trustedProxies: config.trustedProxies, onFailure },
      reports: config.metrics && parseListen(config.metrics.listen),
      control: storage instanceof FileStore ? join(storage.root, controlSocket) : undefined,
    });
  } catch (cause) {
    await storage[Symbol.asyncDispose]();
    throw cause;
  }
}
