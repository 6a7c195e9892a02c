import { isRepositoryPath } from "../../../oci/index.ts";
import { type RepositoryAction, repositoryActions } from "./config.ts";
import type { Access } from "./jwt.ts";
import type { Principal } from "./policies.ts";

/** Scopes of one token request that are looked at. */
const scopeLimit = 100;

/** Of what scopes ask (`repository:team/app:pull,push`, separated by spaces), the part that somebody may have. */
export function grantScopes(scopes: readonly string[], principal: Principal): Access[] {
  const asked = scopes.flatMap((text) => text.split(" ")).filter((text) => text !== "");
  const granted: Access[] = [];
  for (const scope of new Set(asked.slice(0, scopeLimit))) {
    // Everybody may ask for the catalog: it lists what one may pull.
    if (scope === "registry:catalog:*") granted.push({ type: "registry", name: "catalog", actions: ["*"] });
    const [, name, list] = /^repository:([^:]+):([a-z,*]*)$/.exec(scope) ?? [];
    if (name === undefined || list === undefined || !isRepositoryPath(name)) continue;
    const wanted = new Set(list.split(","));
    const actions = repositoryActions.filter(
      (action) => (wanted.has("*") || wanted.has(action)) && principal.can(action, name),
    );
    if (actions.length > 0) granted.push({ type: "repository", name, actions });
  }
  return granted;
}

/** Whether a token's claims hold an action. */
export function claimsAllow(
  access: readonly Access[] | undefined,
  type: string,
  name: string,
  action: RepositoryAction | "*",
): boolean {
  return access?.some((a) => a.type === type && a.name === name && a.actions.includes(action)) ?? false;
}

/** The scope to ask for when a request was refused. Nobody pushes without looking what is there already. */
export function scopeOf(action: RepositoryAction, repository: string): string {
  return `repository:${repository}:${action === "push" ? "pull,push" : action}`;
}
