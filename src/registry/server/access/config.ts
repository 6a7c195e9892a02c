import type { QuotaRule } from "../quota/rules.ts";

/** What may be done to a repository. `delete` is for manifests, tags and blobs; moving a tag is a push. */
export type RepositoryAction = "pull" | "push" | "delete";
export const repositoryActions: readonly RepositoryAction[] = ["pull", "push", "delete"];

/** Rights on the repositories that match a pattern (`*` within a component, `**` across, `?`). */
export interface Scope {
  readonly repositories: readonly string[];
  readonly actions: readonly RepositoryAction[];
}

/** Rights given to somebody. Policies add up; what none allows is refused. */
export interface Policy extends Scope {
  readonly users?: readonly string[];
  readonly groups?: readonly string[];
  /** Everybody who gave a valid password or token. Robots are not meant: they have scopes of their own. */
  readonly authenticated?: boolean;
  /** Everybody, without a password too. Only for `pull`. */
  readonly anonymous?: boolean;
}

export interface TokenConfig {
  /** Where clients get tokens, as they reach it. Default: `/token` at the host they asked. */
  readonly realm?: string;
  /** Name of this registry in tokens (issuer and audience). Default `strake`. */
  readonly service?: string;
  /** Default ES256. */
  readonly algorithm?: "ES256" | "EdDSA";
  /** Seconds a token is good for; default 300. */
  readonly lifetime?: number;
  /** Seconds a refresh token is good for; default 30 days. */
  readonly refreshLifetime?: number;
}

/** Who may do what at a registry, and how much of it. The JSON form has the same shape. */
export interface AccessConfig {
  /** Path of a file of `name:bcrypt` lines; read again when it changes. */
  readonly htpasswd?: string;
  /** Have clients trade passwords for short-lived tokens. Basic credentials are still taken on each request. */
  readonly token?: TokenConfig;
  readonly groups?: Readonly<Record<string, readonly string[]>>;
  /** May do everything, make robots and read the metrics. */
  readonly admins?: { readonly users?: readonly string[]; readonly groups?: readonly string[] };
  readonly policies?: readonly Policy[];
  /** The metrics page needs no password. */
  readonly publicMetrics?: boolean;
  /** Tags that, once there, neither move nor go. */
  readonly immutableTags?: readonly {
    readonly repositories: readonly string[];
    readonly tags: readonly string[];
  }[];
  /** How much may be stored. */
  readonly quotas?: readonly QuotaRule[];
  /** Requests of one user, or of one address without a user, per so many seconds. Counted by each replica. */
  readonly rateLimit?: { readonly requests: number; readonly seconds: number };
  /** Wrong passwords from one address per so many seconds; default 20 in 60. */
  readonly loginLimit?: { readonly failures: number; readonly seconds: number };
}

/** Whether the rules are about everybody alike, and nobody is asked who they are: limits, quotas and immutable tags alone. */
export function asksNobody({ htpasswd, token, groups, admins, policies }: AccessConfig): boolean {
  return [htpasswd, token, groups, admins, policies].every((rule) => rule === undefined);
}
