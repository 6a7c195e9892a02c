import {
  type ConfigValue,
  configError,
  count,
  entries,
  flag,
  items,
  members,
  oneOf,
  repositoryPattern,
  required,
  seconds,
  text,
} from "../config/value.ts";
import { decodeQuotas } from "../quota/decode.ts";
import { type AccessConfig, type Policy, repositoryActions, type Scope, type TokenConfig } from "./config.ts";

/** No colon: it ends the name in Basic credentials. No plus: names with one are robots. */
export const userPattern = /^[A-Za-z0-9_@.-]{1,128}$/;
const tagGlob = /^[A-Za-z0-9_.*?-]{1,128}$/;

/**
 * The access rules in a JSON value; `path` is where it is in a larger one. Throws REGISTRY_SERVER_CONFIG that names the first setting that cannot be meant:
 * a rule that was mistyped must never become a rule that allows more.
 */
export function decodeAccessConfig(value: unknown, path = ""): AccessConfig {
  const found = members({ value, path }, [
    ...(["htpasswd", "token", "groups", "admins", "policies", "publicMetrics"] as const),
    ...(["immutableTags", "quotas", "rateLimit", "loginLimit"] as const),
  ]);
  const groups = found.groups && Object.fromEntries(entries(found.groups).map(decodeGroup));
  const known = new Set(Object.keys(groups ?? {}));
  return {
    htpasswd: found.htpasswd && text(found.htpasswd, /^[^\0]+$/, "a path"),
    token: found.token && decodeToken(found.token),
    groups,
    admins: found.admins && decodeAdmins(found.admins, known),
    policies: found.policies && items(found.policies).map((item) => decodePolicy(item, known)),
    publicMetrics: found.publicMetrics && flag(found.publicMetrics),
    immutableTags: found.immutableTags && items(found.immutableTags).map(decodeImmutable),
    quotas: found.quotas && decodeQuotas(found.quotas),
    rateLimit: found.rateLimit && decodeLimit(found.rateLimit, "requests"),
    loginLimit: found.loginLimit && decodeLimit(found.loginLimit, "failures"),
  };
}

/** Repositories and actions, as policies and robots have them. Throws REGISTRY_SERVER_CONFIG. */
export function decodeScope(value: ConfigValue): Scope {
  const found = members(value, ["repositories", "actions"]);
  return {
    repositories: items(required(value, "repositories", found.repositories)).map(repositoryPattern),
    actions: actions(required(value, "actions", found.actions)),
  };
}

function decodePolicy(value: ConfigValue, known: ReadonlySet<string>): Policy {
  const found = members(value, [
    "repositories",
    "actions",
    "users",
    "groups",
    "authenticated",
    "anonymous",
  ] as const);
  const policy: Policy = {
    repositories: items(required(value, "repositories", found.repositories)).map(repositoryPattern),
    actions: actions(required(value, "actions", found.actions)),
    users: found.users && users(found.users),
    groups: found.groups && groupNames(found.groups, known),
    authenticated: found.authenticated && flag(found.authenticated),
    anonymous: found.anonymous && flag(found.anonymous),
  };
  if (!policy.users && !policy.groups && !policy.authenticated && !policy.anonymous)
    throw configError(value.path, "it is for nobody", "add users, groups, authenticated or anonymous");
  if (policy.anonymous && policy.actions.some((action) => action !== "pull"))
    throw configError(value.path, "without a password one may only pull", "split the policy in two");
  return policy;
}

function decodeToken(value: ConfigValue): TokenConfig {
  const found = members(value, ["realm", "service", "algorithm", "lifetime", "refreshLifetime"]);
  return {
    // It goes into a quoted header value.
    realm: found.realm && text(found.realm, /^https?:\/\/[^\s"\\]+$/, "an http or https URL"),
    service: found.service && text(found.service, /^[A-Za-z0-9._:/-]{1,128}$/, "a name"),
    algorithm: found.algorithm && oneOf(found.algorithm, ["ES256", "EdDSA"] as const),
    lifetime: found.lifetime && tokenLifetime(found.lifetime),
    refreshLifetime: found.refreshLifetime && seconds(found.refreshLifetime),
  };
}

/** Docker, podman and skopeo go on with a token for a minute, whatever it says of its end (token specification). */
function tokenLifetime(value: ConfigValue): number {
  const lifetime = seconds(value);
  if (lifetime >= 60) return lifetime;
  throw configError(value.path, "it is shorter than 60 seconds", "clients keep a token so long at least");
}

function decodeGroup([name, value]: [string, ConfigValue]): [string, string[]] {
  if (!userPattern.test(name)) throw configError(value.path, "the group's name is malformed");
  return [name, users(value)];
}

function decodeAdmins(value: ConfigValue, known: ReadonlySet<string>): AccessConfig["admins"] {
  const found = members(value, ["users", "groups"]);
  return {
    users: found.users && users(found.users),
    groups: found.groups && groupNames(found.groups, known),
  };
}

function decodeImmutable(value: ConfigValue) {
  const found = members(value, ["repositories", "tags"]);
  return {
    repositories: items(required(value, "repositories", found.repositories)).map(repositoryPattern),
    tags: items(required(value, "tags", found.tags)).map((item) => text(item, tagGlob, "a pattern")),
  };
}

function decodeLimit<K extends string>(value: ConfigValue, what: K) {
  const found = members<K | "seconds">(value, [what, "seconds"]);
  return {
    [what]: count(required(value, what, found[what])),
    seconds: seconds(required(value, "seconds", found.seconds)),
  } as Record<K | "seconds", number>;
}

function users(value: ConfigValue): string[] {
  return items(value).map((item) => text(item, userPattern, "the name of a user"));
}

function groupNames(value: ConfigValue, known: ReadonlySet<string>): string[] {
  return items(value).map((item) => {
    const name = text(item, userPattern, "the name of a group");
    if (!known.has(name)) throw configError(item.path, `there is no group ${name}`);
    return name;
  });
}

function actions(value: ConfigValue) {
  return items(value).map((item) => oneOf(item, repositoryActions));
}
