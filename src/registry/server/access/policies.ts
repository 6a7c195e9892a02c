import type { AccessConfig, Policy, RepositoryAction, Scope } from "./config.ts";
import { compileGlobs } from "./glob.ts";

/** Somebody who is known, or nobody in particular, with all rights. */
export interface Principal {
  /** Absent for whoever gave no credentials. */
  readonly name?: string;
  readonly admin: boolean;
  can(action: RepositoryAction, repository: string): boolean;
}

interface Grant {
  readonly policy: Policy;
  readonly allows: Principal["can"];
}

/** Users remembered with their rights; more are worked out again. */
const rememberedLimit = 10_000;

/** The rights of users, from the configured policies. */
export class Policies {
  readonly #grants: readonly Grant[];
  readonly #admins: ReadonlySet<string>;
  readonly #groups: ReadonlyMap<string, ReadonlySet<string>>;
  readonly #known = new Map<string, Principal>();
  readonly anonymous: Principal;

  constructor({ policies = [], groups = {}, admins = {} }: AccessConfig) {
    this.#grants = policies.map((policy) => ({ policy, allows: allowedBy([policy]) }));
    this.#groups = new Map(Object.entries(groups).map(([name, users]) => [name, new Set(users)]));
    this.#admins = new Set([
      ...(admins.users ?? []),
      ...(admins.groups ?? []).flatMap((group) => groups[group] ?? []),
    ]);
    const open = this.#grants.filter(({ policy }) => policy.anonymous);
    this.anonymous = { admin: false, can: (...asked) => open.some(({ allows }) => allows(...asked)) };
  }

  /** The rights of a user of this name. That there is such a user is the caller's to know. */
  user(name: string): Principal {
    const known = this.#known.get(name);
    if (known) return known;
    const admin = this.#admins.has(name);
    const grants = this.#grants.filter(({ policy }) => this.#isFor(policy, name));
    const principal: Principal = {
      name,
      admin,
      can: (...asked) => admin || grants.some(({ allows }) => allows(...asked)),
    };
    if (this.#known.size >= rememberedLimit) this.#known.clear();
    this.#known.set(name, principal);
    return principal;
  }

  #isFor({ users, groups, authenticated, anonymous }: Policy, name: string): boolean {
    if (anonymous || authenticated || users?.includes(name)) return true;
    return groups?.some((group) => this.#groups.get(group)?.has(name)) ?? false;
  }
}

/** What scopes allow together. */
export function allowedBy(scopes: readonly Scope[]): Principal["can"] {
  const compiled = scopes.map(({ repositories, actions }) => ({
    matches: compileGlobs(repositories),
    actions: new Set(actions),
  }));
  return (action, repository) =>
    compiled.some(({ matches, actions }) => actions.has(action) && matches(repository));
}
