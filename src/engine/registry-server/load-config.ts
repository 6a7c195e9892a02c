import { readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { StrakeError } from "../../errors/index.ts";
import {
  decodeServerConfig,
  mergeDocuments,
  parseDocument,
  type ServerConfig,
} from "../../registry/server/index.ts";

const fileLimit = 1 << 20;

export interface ConfigSource {
  /** Path of the configuration file: TOML, or JSON when its name ends in `.json`. */
  readonly config?: string;
  /** Settings that replace the file's, of the same shape (docs/registry.md). Their paths are absolute. */
  readonly settings?: object;
}

/** The configuration with all paths absolute: the file's are relative to its folder. Errors: REGISTRY_SERVER_CONFIG. */
export function loadServerConfig({ config: file, settings }: ConfigSource): ServerConfig {
  const document = file === undefined ? {} : parseDocument(file, readText(file));
  const config = decodeServerConfig(mergeDocuments(withoutOtherDriver(document ?? {}, settings), settings));
  const folder = file === undefined ? process.cwd() : dirname(resolve(file));
  const at = <T extends string | undefined>(path: T) => (path === undefined ? path : resolve(folder, path));
  const { storage, tls, access, log, proxy } = config;
  return {
    ...config,
    storage: storage.driver === "files" ? { ...storage, root: at(storage.root) } : storage,
    tls: tls && {
      ...{ cert: at(tls.cert), key: at(tls.key) },
      ...(tls.clientCA === undefined ? {} : { clientCA: at(tls.clientCA) }),
    },
    access: access && { ...access, htpasswd: at(access.htpasswd) },
    proxy: proxy?.map(({ credentials, ...upstream }) => ({
      ...{ ...upstream, caFile: at(upstream.caFile) },
      credentials:
        typeof credentials === "object" && "passwordFile" in credentials
          ? { ...credentials, passwordFile: at(credentials.passwordFile) }
          : credentials,
    })),
    webhooks: config.webhooks.map((hook) => ({ ...hook, secretFile: at(hook.secretFile) })),
    log: log === "stdout" || log === "none" ? log : at(log),
  };
}

/** Another driver than the file's takes nothing of the file's storage over. */
function withoutOtherDriver(document: unknown, settings: { storage?: { driver?: string } } = {}): unknown {
  const { storage } = document as { storage?: { driver?: string; bucket?: string } };
  const driver = settings.storage?.driver;
  if (typeof storage !== "object" || driver === undefined) return document;
  const written = storage?.driver ?? (storage?.bucket === undefined ? "files" : "s3");
  return driver === written ? document : { ...(document as object), storage: undefined };
}

/** A small file of the configuration. Errors: REGISTRY_SERVER_CONFIG. */
export function readText(path: string): string {
  try {
    if (statSync(path).size <= fileLimit) return readFileSync(path, "utf8");
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
    const problem = code === "ENOENT" ? "there is no such file" : code;
    throw new StrakeError("REGISTRY_SERVER_CONFIG", `${path} cannot be read: ${problem}`, { cause });
  }
  throw new StrakeError("REGISTRY_SERVER_CONFIG", `${path} is larger than ${fileLimit} bytes`);
}
