import { StrakeError } from "../../errors/index.ts";
import {
  FileStore,
  MemoryStore,
  type ObjectStore,
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
 * Opens a storage. S3 takes its credentials, and region and endpoint where they are not configured, from the environment
 * (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL). Errors: USAGE,
 * REGISTRY_STORAGE, REGISTRY_STORAGE_BUSY.
 */
export async function openStorage(config: StorageConfig, env: Environment): Promise<ObjectStore> {
  if (config.driver === "memory") return new MemoryStore();
  if (config.driver === "files") return FileStore.open(config.root ?? defaultFolder(env));
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = env;
  if (!accessKeyId || !secretAccessKey)
    throw new StrakeError("USAGE", "S3 storage needs credentials", {
      hint: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    });
  const region = config.region || env.AWS_REGION || env.AWS_DEFAULT_REGION || "us-east-1";
  const endpoint = config.endpoint || env.AWS_ENDPOINT_URL_S3 || env.AWS_ENDPOINT_URL;
  return S3Store.open({
    endpoint: endpoint || `https://s3.${region}.amazonaws.com`,
    ...{ bucket: config.bucket, region, prefix: config.prefix ?? "" },
    ...{ redirect: config.redirect, publicEndpoint: config.publicEndpoint },
    credentials: {
      ...{ accessKeyId, secretAccessKey },
      ...(env.AWS_SESSION_TOKEN ? { sessionToken: env.AWS_SESSION_TOKEN } : {}),
    },
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
