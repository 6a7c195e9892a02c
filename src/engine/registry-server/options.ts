import { StrakeError } from "../../errors/index.ts";
import type {
  AccessLog,
  ChangeableOptions,
  ServerConfig,
  WebhookTarget,
} from "../../registry/server/index.ts";
import { readText } from "./load-config.ts";

/** What the files that a configuration names hold: certificate, key, secrets. Errors: REGISTRY_SERVER_CONFIG. */
export function changeableOptions(config: ServerConfig, log: AccessLog | undefined): ChangeableOptions {
  const { access, collection, sparse, scrub, tls, webhooks } = config;
  return {
    rules: access,
    collection,
    sparse,
    scrubbing: scrub,
    webhooks: webhooks.map(({ secretFile, ...hook }): WebhookTarget => {
      if (secretFile === undefined) return hook;
      const secret = readText(secretFile).replace(/\r?\n$/, "");
      if (secret !== "") return { ...hook, secret };
      throw new StrakeError("REGISTRY_SERVER_CONFIG", `${secretFile} is empty: a webhook needs a secret`);
    }),
    tls: tls && {
      ...{ cert: readText(tls.cert), key: readText(tls.key) },
      ...(tls.clientCA === undefined ? {} : { clientCA: readText(tls.clientCA) }),
    },
    log,
  };
}

/** Files that are read again when they change, beside the configuration itself. The password file looks after itself. */
export function namedFiles({ tls, webhooks }: ServerConfig): string[] {
  const secrets = webhooks.flatMap(({ secretFile }) => secretFile ?? []);
  const certificates = tls ? [tls.cert, tls.key, ...(tls.clientCA === undefined ? [] : [tls.clientCA])] : [];
  return [...certificates, ...secrets];
}

/** `ADDRESS:PORT`, `[ADDRESS]:PORT` or `:PORT`. Throws USAGE. */
export function parseListen(text: string): { hostname: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65535)
    throw new StrakeError("USAGE", `${JSON.stringify(text)} is not ADDRESS:PORT`, {
      hint: "for example 127.0.0.1:5000, [::1]:5000 or :5000",
    });
  return { hostname: match[1] || match[2] || "0.0.0.0", port };
}
