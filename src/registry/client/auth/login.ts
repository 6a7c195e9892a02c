import type { Login } from "../http/message.ts";
import type { Credentials } from "./credentials.ts";

/** Of a login what may be shown. */
export function loginOf(credentials: Credentials): Login {
  const place = credentials.place === undefined ? {} : { place: credentials.place };
  if (credentials.kind !== "basic") {
    const endsAt = endOf(credentials.token);
    return { kind: "token", ...(endsAt === undefined ? {} : { endsAt }), ...place };
  }
  const { username } = credentials;
  return { kind: "password", ...(isShowable(username) ? { username } : {}), ...place };
}

/** Some registries take an access token for the user name: what looks like one, or like no name at all, is not shown. */
function isShowable(username: string): boolean {
  return /^[\w.@+$-]{1,36}$/.test(username) && !/^(gh[a-z]_|github_pat_|glpat-|dckr_|eyJ)/i.test(username);
}

/** When a token ends, if it is a JSON web token (RFC 7519, 4.1.4). Nobody's word but the token's own: for messages only. */
function endOf(token: string): number | undefined {
  const parts = token.split(".");
  if (parts.length !== 3) return undefined;
  try {
    const { exp } = JSON.parse(Buffer.from(parts[1]!, "base64url").toString("utf8")) as { exp?: unknown };
    return typeof exp === "number" && exp > 0 && exp < 1e11 ? exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}
