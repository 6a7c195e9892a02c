import { StrakeError } from "../../errors/index.ts";
import {
  defaultS3Credentials,
  FileStore,
  MemoryStore,
  type ObjectStore,
  type OnFailure,
  profileRegion,
  S3Store,
  type StorageConfig,
} from "../../registry/server/index.ts";
import { defaultRoot } from "../../store/index.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where a registry of files is when nobody says where. */
export function defaultFolder(env: Environment): string {
  return `${defaultRoot(env)}-registry`;
}

/**
 * Opens a storage. S3 takes its credentials from where AWS's SDKs do, and region and endpoint, where they are not configured, from the environment
 * (AWS_REGION, AWS_ENDPOINT_URL), the region from the profile in ~/.aws too. Errors: USAGE, REGISTRY_STORAGE, REGISTRY_STORAGE_BUSY.
 */
export async function openStorage(
  config: StorageConfig,
  { env, onFailure }: { env: Environment; onFailure?: OnFailure },
): Promise<ObjectStore> {
  if (config.driver === "memory") return new MemoryStore();
  if (config.driver === "files") return FileStore.open(config.root ?? defaultFolder(env));
  const named = config.region || env.AWS_REGION || env.AWS_DEFAULT_REGION;
  // A file that cannot be read is told of when it is read for credentials.
  const region = named || (await profileRegion(env).catch(() => undefined)) || "us-east-1";
  const endpoint = config.endpoint || env.AWS_ENDPOINT_URL_S3 || env.AWS_ENDPOINT_URL;
  return S3Store.open({
    endpoint: endpoint || `https://s3.${region}.amazonaws.com`,
    ...{ bucket: config.bucket, region, prefix: config.prefix ?? "" },
    ...{ redirect: config.redirect, publicEndpoint: config.publicEndpoint },
    credentials: defaultS3Credentials({
      ...{ env, region: env.AWS_REGION || env.AWS_DEFAULT_REGION || region },
      onFailure: (error) => onFailure?.("credentials", error),
    }),
  });
}

/** The settings that `memory`, `files`, `s3`, `s3://BUCKET[/PREFIX]` or a folder stand for. Throws USAGE. */
export function storageSettings(where: string): object {
  if (where === "memory" || where === "files" || where === "s3") return { driver: where };
  if (!/^(?:s3:|[a-z][a-z0-9+.-]*:\/\/)/i.test(where)) return { driver: "files", root: where };
  const match =
    /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/((?:[A-Za-z0-9_-][A-Za-z0-9_.-]*\/?)*))?$/.exec(where);
  if (!match)
    throw new StrakeError("USAGE", `${JSON.stringify(where)} is not s3://BUCKET[/PREFIX]`, {
      hint: "a storage is that, with a bucket's name in small letters, or a folder, or memory",
    });
  return { driver: "s3", bucket: match[1], ...(match[2] ? { prefix: match[2] } : {}) };
}
