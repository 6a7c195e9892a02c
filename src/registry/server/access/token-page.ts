import type { IncomingRequest } from "../http/request.ts";
import { readManifestBody } from "../manifest-body.ts";
import { Refusal } from "../protocol/refusal.ts";
import { jsonAnswer } from "../protocol/text-answer.ts";
import type { TokenConfig } from "./config.ts";
import type { Directory } from "./directory.ts";
import type { Tokens } from "./jwt.ts";
import type { Login, LoginResult } from "./login.ts";
import type { Principal } from "./policies.ts";
import { grantScopes } from "./scope.ts";

const standardLifetime = 300;
const standardRefreshLifetime = 30 * 24 * 3600;

/** The token server: GET as Docker's registry has it, POST as OAuth 2.0 (RFC 6749, sections 4.3 and 6). */
export class TokenPage {
  readonly #service: string;
  readonly #config: TokenConfig;
  readonly #directory: Directory;
  readonly #login: Login;
  readonly #tokens: Tokens;

  constructor(parts: {
    service: string;
    config: TokenConfig;
    directory: Directory;
    login: Login;
    tokens: Tokens;
  }) {
    this.#service = parts.service;
    this.#config = parts.config;
    this.#directory = parts.directory;
    this.#login = parts.login;
    this.#tokens = parts.tokens;
  }

  /** Throws a `Refusal`. */
  async answer(request: IncomingRequest, query: URLSearchParams, remote: string): Promise<Response> {
    if (request.method === "GET") {
      const header = request.headers.get("authorization");
      const principal =
        header === null ? this.#directory.anonymous : this.#accepted(await this.#login.basic(header, remote));
      return this.#issue(principal, {
        ...{ service: query.get("service"), scopes: query.getAll("scope") },
        offline: query.get("offline_token") === "true",
      });
    }
    if (request.method !== "POST") throw new Refusal("UNSUPPORTED", "tokens are had by GET and POST");
    const form = new URLSearchParams(new TextDecoder().decode(await readManifestBody(request)));
    const asked = { service: form.get("service"), scopes: form.getAll("scope") };
    const refresh = form.get("refresh_token");
    if (form.get("grant_type") === "refresh_token" && refresh !== null)
      return this.#issue(await this.#refreshed(refresh), { ...asked, refresh });
    const name = form.get("username");
    const password = form.get("password");
    if (form.get("grant_type") !== "password" || name === null || password === null)
      throw new Refusal(
        "UNSUPPORTED",
        "grant_type has to be password or refresh_token, with what belongs to it",
        {
          status: 400,
        },
      );
    const principal = this.#accepted(await this.#login.password({ name, password }, remote));
    return this.#issue(principal, { ...asked, offline: form.get("access_type") === "offline" });
  }

  async #issue(
    principal: Principal,
    asked: { service: string | null; scopes: string[]; offline?: boolean; refresh?: string },
  ): Promise<Response> {
    if (asked.service !== null && asked.service !== this.#service)
      throw new Refusal("DENIED", "this registry gives tokens for itself only", { status: 400 });
    const { lifetime = standardLifetime, refreshLifetime = standardRefreshLifetime } = this.#config;
    const sub = principal.name ?? "";
    const access = grantScopes(asked.scopes, principal);
    const token = await this.#tokens.sign("JWT", lifetime, { sub, access });
    let refresh = asked.refresh;
    if (asked.offline && sub !== "") {
      const fingerprint = await this.#directory.fingerprint(sub);
      refresh = await this.#tokens.sign("refresh+jwt", refreshLifetime, { sub, fingerprint });
    }
    const issued = {
      ...{ token, access_token: token, token_type: "Bearer", expires_in: lifetime },
      issued_at: new Date().toISOString(),
      scope: access.map(({ type, name, actions }) => `${type}:${name}:${actions.join(",")}`).join(" "),
      ...(refresh === undefined ? {} : { refresh_token: refresh }),
    };
    return jsonAnswer(issued, { headers: { "Cache-Control": "no-store", Pragma: "no-cache" } });
  }

  async #refreshed(token: string): Promise<Principal> {
    const claims = await this.#tokens.verify("refresh+jwt", token);
    const fingerprint = claims && (await this.#directory.fingerprint(claims.sub));
    const principal = claims && (await this.#directory.byName(claims.sub));
    if (principal && fingerprint !== undefined && fingerprint === claims?.fingerprint) return principal;
    throw new Refusal("UNAUTHORIZED", "the refresh token is not good, or not any more");
  }

  #accepted(result: LoginResult): Principal {
    if ("principal" in result) return result.principal;
    if ("wrong" in result) throw new Refusal("UNAUTHORIZED", "the user name or the password is wrong");
    throw new Refusal("TOOMANYREQUESTS", "too many wrong passwords came from this address", {
      headers: { "Retry-After": String(result.wait) },
    });
  }
}
