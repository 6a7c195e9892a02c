import type { ErrorCode } from "../../errors/index.ts";
import type { Access, Login } from "./http/message.ts";

export interface Refused {
  /** What was asked for, for example `tag v1 of host/repo`. */
  readonly what: string;
  /** Whose answer it is. */
  readonly host: string;
  readonly access: Access | undefined;
}

export interface Explained {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
}

/**
 * Why a registry said 401 or 403, as far as we know: nobody is logged in, the login is wrong or has ended, or the login is good and may
 * not do this. Registries that give tokens say 401 for the last one too (`insufficient_scope`). Pure.
 */
export function refusal(status: 401 | 403, { what, host, access }: Refused): Explained {
  if (access === undefined)
    return status === 401
      ? {
          code: "REGISTRY_UNAUTHORIZED",
          message: `${host} wants a login for ${what}`,
          hint: `log in: strake login ${host}`,
        }
      : { code: "REGISTRY_DENIED", message: `${host} does not allow ${what}` };
  const { registry, login, fault } = access;
  if (status === 403 || (login !== undefined && fault === "insufficient_scope")) return denied(access, what);
  const kept = login?.place === undefined ? "" : `it is kept in ${login.place}; `;
  const again = `${kept}log in again: strake login ${registry}`;
  const code = "REGISTRY_UNAUTHORIZED";
  if (login === undefined) {
    const asked = askedFor(access);
    // Registries do not tell strangers which of the two it is.
    const hidden = asked?.startsWith("pull") ? "it is private, or does not exist; " : "";
    return {
      code,
      message: `${registry} wants a login ${asked ? `to ${asked}` : `for ${what}`}, and none for it is kept here`,
      hint: `${hidden}log in: strake login ${registry}`,
    };
  }
  if (login.kind === "token") {
    const ended = login.endsAt !== undefined && login.endsAt <= Date.now();
    return {
      code,
      message: ended
        ? `the login for ${registry} ended at ${new Date(login.endsAt!).toISOString().slice(0, 16)}Z`
        : `${registry} does not take the login kept for it any more: it has ended or was withdrawn`,
      hint: again,
    };
  }
  if (fault === "invalid_token")
    return {
      code,
      message: `${registry} does not take the token that its own token server gave ${nameOf(login)}`,
      hint: "the clocks or keys of the two may differ: its administrator can tell",
    };
  return {
    code,
    message: `${registry} refused the user name or password of ${nameOf(login)}`,
    hint: `the password may be wrong, or have been replaced by an access token; ${again}`,
  };
}

function denied(access: Access, what: string): Explained {
  const { registry, login } = access;
  const asked = askedFor(access) ?? `do this: ${what}`;
  return {
    code: "REGISTRY_DENIED",
    message: `${registry} does not let ${login ? nameOf(login) : "anybody without a login"} ${asked}`,
    hint: login
      ? `its administrator decides who may; as somebody else: strake login ${registry}`
      : `log in: strake login ${registry}`,
  };
}

const verbs = [
  ["delete", "delete from"],
  ["push", "push to"],
  ["pull", "pull from"],
] as const;

/** The first scope in words: others are repositories a blob could be mounted from. */
function askedFor({ registry, scopes }: Access): string | undefined {
  if (scopes[0]?.startsWith("registry:catalog:")) return "list its repositories";
  const [, path, actions = ""] = /^repository:([^:]+):(.*)$/.exec(scopes[0] ?? "") ?? [];
  if (path === undefined) return undefined;
  const verb = verbs.find(([action]) => actions.split(",").includes(action));
  return verb && `${verb[1]} ${registry}/${path}`;
}

function nameOf({ kind, username }: Login): string {
  return username ?? (kind === "token" ? "the token that is kept for it" : "this login");
}
