import type { RegistryEvent } from "../events.ts";
import type { WebhookConfig } from "./config.ts";
import { anyPath } from "./decode.ts";
import {
  type ConfigValue,
  configError,
  entries,
  items,
  members,
  oneOf,
  repositoryPattern,
  required,
  text,
} from "./value.ts";

const eventTypes: readonly RegistryEvent["type"][] = [
  ...(["manifest.pushed", "manifest.pulled", "manifest.deleted", "tag.deleted"] as const),
  ...(["blob.pushed", "blob.pulled", "blob.mounted", "blob.deleted"] as const),
];
const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;

/** Throws REGISTRY_SERVER_CONFIG. */
export function decodeWebhook(value: ConfigValue): WebhookConfig {
  const found = members(value, ["url", "secret", "secretFile", "events", "repositories", "headers"]);
  const url = required(value, "url", found.url);
  // It may hold a secret: what is wrong with it is said without repeating it.
  const protocol =
    typeof url.value === "string" && URL.canParse(url.value) ? new URL(url.value).protocol : "";
  if (protocol !== "http:" && protocol !== "https:")
    throw configError(url.path, "this has to be an http or https URL");
  if (found.secret && found.secretFile)
    throw configError(value.path, "it has a secret and a secretFile", "leave one out");
  return {
    url: url.value as string,
    secret: found.secret && secret(found.secret),
    secretFile: found.secretFile && text(found.secretFile, anyPath, "a path"),
    events: found.events && items(found.events).map((item) => oneOf(item, eventTypes)),
    repositories: found.repositories && repositoryPattern(found.repositories),
    headers: found.headers && Object.fromEntries(entries(found.headers).map(header)),
  };
}

function secret({ value, path }: ConfigValue): string {
  if (typeof value === "string" && value !== "") return value;
  throw configError(path, "this has to be a string that is not empty");
}

function header([name, { value, path }]: [string, ConfigValue]): [string, string] {
  if (!headerName.test(name)) throw configError(path, "this is not the name of a header");
  if (typeof value === "string" && /^[\x20-\x7e]*$/.test(value)) return [name, value];
  throw configError(path, "the value of a header is a string of printable characters");
}
