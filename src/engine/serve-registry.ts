import { StrakeError } from "../errors/index.ts";
import {
  type AccessLog,
  FileStore,
  MemoryStore,
  type ObjectStore,
  Registry,
  S3Store,
} from "../registry/server/index.ts";
import { defaultRoot } from "../store/index.ts";

export interface ServeRegistryRequest {
  /**
   * A folder, `memory`, or `s3://BUCKET[/PREFIX]`. Default: a folder beside the data root. S3 takes its credentials,
   * region and endpoint from the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION,
   * AWS_ENDPOINT_URL).
   */
  readonly storage?: string;
  /** `ADDRESS:PORT` or `:PORT`; default 127.0.0.1:5000. Port 0 takes a free one. */
  readonly listen?: string;
  /** Serve other machines although nobody is asked who they are. */
  readonly open?: boolean;
  /** Certificate chain and key, PEM. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Accept images whose blobs are not all here. */
  readonly sparse?: boolean;
  readonly log?: AccessLog;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Starts a registry. Errors: USAGE, PORT_BUSY, REGISTRY_STORAGE, REGISTRY_STORAGE_BUSY. */
export async function startRegistry(request: ServeRegistryRequest = {}): Promise<Registry> {
  const { hostname, port } = parseListen(request.listen ?? "127.0.0.1:5000");
  if (!request.open && !isLoopback(hostname))
    throw new StrakeError(
      "USAGE",
      `${hostname} can be reached from other machines, and nobody is asked who they are`,
      {
        hint: "listen on 127.0.0.1, or say --open when everybody may push and delete",
      },
    );
  const storage = await openStorage(request);
  const { tls, sparse, log, open } = request;
  try {
    return await Registry.start({ storage, hostname, port, tls, sparse, log, open });
  } catch (cause) {
    await storage[Symbol.asyncDispose]();
    if ((cause as NodeJS.ErrnoException).code !== "EADDRINUSE") throw cause;
    throw new StrakeError("PORT_BUSY", `${hostname}:${port} is already in use`, {
      hint: "choose another with --listen",
      cause,
    });
  }
}

async function openStorage({ storage, env = process.env }: ServeRegistryRequest): Promise<ObjectStore> {
  if (storage === "memory") return new MemoryStore();
  if (storage === undefined || !storage.startsWith("s3:"))
    return FileStore.open(storage ?? `${defaultRoot(env)}-registry`);
  const match =
    /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/((?:[A-Za-z0-9_-][A-Za-z0-9_.-]*\/?)*))?$/.exec(storage);
  if (!match) throw new StrakeError("USAGE", `${JSON.stringify(storage)} is not s3://BUCKET[/PREFIX]`);
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = env;
  if (!accessKeyId || !secretAccessKey)
    throw new StrakeError("USAGE", "S3 storage needs credentials", {
      hint: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    });
  const region = env.AWS_REGION || env.AWS_DEFAULT_REGION || "us-east-1";
  const prefix = match[2] ?? "";
  return S3Store.open({
    endpoint: env.AWS_ENDPOINT_URL_S3 || env.AWS_ENDPOINT_URL || `https://s3.${region}.amazonaws.com`,
    bucket: match[1]!,
    region,
    prefix: prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/`,
    credentials: {
      ...{ accessKeyId, secretAccessKey },
      ...(env.AWS_SESSION_TOKEN ? { sessionToken: env.AWS_SESSION_TOKEN } : {}),
    },
  });
}

function parseListen(text: string): { hostname: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65535)
    throw new StrakeError("USAGE", `${JSON.stringify(text)} is not ADDRESS:PORT`, {
      hint: "for example 127.0.0.1:5000, [::1]:5000 or :5000",
    });
  return { hostname: match[1] || match[2] || "0.0.0.0", port };
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
