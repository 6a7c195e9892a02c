import { type Access, type AccessDecision, type AccessRequest, openAccess } from "../access.ts";
import type { Admit } from "../events.ts";
import type { IncomingRequest } from "../http/request.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { type AccessConfig, asksNobody, type RepositoryAction } from "./config.ts";
import { decodeAccessConfig } from "./decode-config.ts";
import { Directory } from "./directory.ts";
import { immutableTags } from "./immutable-tags.ts";
import { type Claims, Tokens } from "./jwt.ts";
import { Login } from "./login.ts";
import type { Principal } from "./policies.ts";
import { clientOf, RateLimit } from "./rate-limit.ts";
import type { Robots } from "./robots.ts";
import { answerRobots } from "./robots-page.ts";
import { claimsAllow, scopeOf } from "./scope.ts";
import { openSigningKey } from "./signing-key.ts";
import { TokenPage } from "./token-page.ts";

type Denied = Extract<AccessDecision, { allow: false }>;
/** Whoever sent a request; a token may allow less than its user may do. */
interface Caller {
  readonly principal: Principal;
  readonly claims?: Claims;
}

const realmHost = /^[A-Za-z0-9.-]+(?::\d{1,5})?$|^\[[0-9A-Fa-f:]+\](?::\d{1,5})?$/;

/** Access by configured rules: users, robots, tokens, policies, limits. */
export class AccessControl {
  readonly #config: AccessConfig;
  readonly #robots: Robots;
  readonly #directory: Directory;
  readonly #login: Login;
  readonly #tokens: Tokens | undefined;
  readonly #tokenPage: TokenPage | undefined;
  readonly #service: string;
  readonly #isOpen: boolean;
  readonly #requests: RateLimit | undefined;
  /** Rules about what is stored. */
  readonly admit: Admit;

  /**
   * Reads the rules (see {@link AccessConfig}) and, for tokens, the registry's key. Throws REGISTRY_SERVER_CONFIG,
   * REGISTRY_STORAGE.
   */
  static async open(value: unknown, objects: ObjectStore, robots: Robots): Promise<AccessControl> {
    const config = decodeAccessConfig(value);
    const service = config.token?.service ?? "strake";
    const key = config.token && (await openSigningKey(objects, config.token.algorithm ?? "ES256"));
    return new AccessControl(config, { robots, service, tokens: key && new Tokens(key, service) });
  }

  private constructor(
    config: AccessConfig,
    parts: { robots: Robots; service: string; tokens: Tokens | undefined },
  ) {
    this.#config = config;
    this.#isOpen = asksNobody(config);
    this.#service = parts.service;
    this.#tokens = parts.tokens;
    this.#robots = parts.robots;
    this.#directory = new Directory(config, this.#robots);
    this.#login = new Login(this.#directory, config);
    if (parts.tokens && config.token) {
      const { service, tokens } = parts;
      const [directory, login] = [this.#directory, this.#login];
      this.#tokenPage = new TokenPage({ service, config: config.token, directory, login, tokens });
    }
    const { rateLimit } = config;
    this.#requests = rateLimit && new RateLimit(rateLimit.requests, rateLimit.seconds);
    this.admit = immutableTags(config.immutableTags ?? []);
  }

  readonly access: Access = async (request) => {
    const limited = (caller: Caller) =>
      request.isPart ? undefined : this.#limited(caller, request.remote());
    if (this.#isOpen) return limited({ principal: this.#directory.anonymous }) ?? openAccess(request);
    const caller = await this.#identify(request);
    if ("allow" in caller) return caller;
    return limited(caller) ?? this.#decide(caller, request);
  };

  /** The pages of access itself; undefined for any other path. Throws a `Refusal`. */
  async page(
    request: IncomingRequest,
    { path, query, remote }: { path: string; query: URLSearchParams; remote: () => string },
  ): Promise<Response | undefined> {
    if (path === "/token" && this.#tokenPage) {
      const limited = this.#limited({ principal: this.#directory.anonymous }, remote());
      if (limited) throw refusalOf(limited);
      return this.#tokenPage.answer(request, query, remote());
    }
    if (path !== "/api/robots" && !path.startsWith("/api/robots/")) return undefined;
    // Only with the password itself: a token is for the distribution API.
    const header = request.headers.get("authorization");
    const result = header === null ? undefined : await this.#login.basic(header, remote());
    if (result && "wait" in result) throw refusalOf(tooManyPasswords(result.wait));
    if (!result || !("principal" in result))
      throw new Refusal("UNAUTHORIZED", "an administrator's password is needed", {
        headers: { "WWW-Authenticate": basicChallenge },
      });
    if (!result.principal.admin) throw new Refusal("DENIED", "only an administrator may do this");
    return answerRobots(this.#robots, request, { path, actor: result.principal.name });
  }

  async #identify(request: AccessRequest): Promise<Caller | Denied> {
    const { headers, remote } = request;
    const header = headers.get("authorization");
    if (header === null) return { principal: this.#directory.anonymous };
    const bearer = /^bearer +(\S+)$/i.exec(header)?.[1];
    if (bearer !== undefined) {
      const claims = await this.#tokens?.verify("JWT", bearer);
      const principal = claims && (await this.#directory.byName(claims.sub));
      if (principal) return { principal, claims };
      return this.#unauthorized(request, "the token is not good, or not any more", {
        scope: neededScope(request),
        error: "invalid_token",
      });
    }
    const result = await this.#login.basic(header, remote());
    if ("principal" in result) return result;
    if ("wait" in result) return tooManyPasswords(result.wait);
    return this.#unauthorized(request, "the user name or the password is wrong", {
      scope: neededScope(request),
    });
  }

  #limited({ principal }: Caller, remote: string): Denied | undefined {
    if (!this.#requests) return undefined;
    // No user's name has a slash: an address is never taken for one.
    const client = principal.name ?? `/${clientOf(remote)}`;
    const wait = this.#requests.wait(client);
    if (wait > 0) return { allow: false, status: 429, message: "too many requests", retryAfter: wait };
    this.#requests.take(client);
    return undefined;
  }

  #decide(caller: Caller, request: AccessRequest): AccessDecision {
    const { action, repository, mountFrom } = request;
    const { principal, claims } = caller;
    const actor = principal.name;
    const granted: AccessDecision = { allow: true, actor };
    const nobody = actor === undefined;
    switch (action) {
      case "ping":
        // Clients learn here that, and how, they can log in.
        return nobody && !claims ? this.#unauthorized(request, "credentials are needed") : granted;
      case "catalog": {
        const scope = neededScope(request);
        if (claims && !claimsAllow(claims.access, "registry", "catalog", "*"))
          return this.#unauthorized(request, "the token is not for this", {
            scope,
            error: "insufficient_scope",
          });
        if (nobody && !this.#config.policies?.some((policy) => policy.anonymous))
          return this.#unauthorized(request, "credentials are needed", { scope });
        return { ...granted, visible: (name) => principal.can("pull", name) };
      }
      case "metrics":
        if (this.#config.publicMetrics || (principal.admin && !claims)) return granted;
        if (nobody)
          return { allow: false, status: 401, message: "credentials are needed", challenge: basicChallenge };
        return { allow: false, status: 403, message: "only an administrator may do this" };
      case "mount-any":
        return principal.admin && !claims ? granted : { allow: false, status: 403, message: "not allowed" };
    }
    if (repository === undefined) return { allow: false, status: 403, message: "not allowed" };
    const scope = neededScope(request);
    if (principal.can(action, repository)) {
      const mayAs = (action: RepositoryAction, name: string) =>
        !claims || claimsAllow(claims.access, "repository", name, action);
      // Who may read what a blob is mounted from is asked for a token that says so; who may not has to send the blob.
      const couldMount = mountFrom !== undefined && principal.can("pull", mountFrom);
      if (mayAs(action, repository) && (!couldMount || mayAs("pull", mountFrom))) return granted;
      return this.#unauthorized(request, "the token is not for this", { scope, error: "insufficient_scope" });
    }
    if (nobody) return this.#unauthorized(request, "credentials are needed", { scope });
    return { allow: false, status: 403, message: `you may not ${action} here` };
  }

  #unauthorized(
    { headers, scheme }: AccessRequest,
    message: string,
    { scope, error }: { scope?: string; error?: string } = {},
  ): Denied {
    if (!this.#tokens) return { allow: false, status: 401, message, challenge: basicChallenge };
    const asked = headers.get("host") ?? "";
    const host = realmHost.test(asked) ? asked : "localhost";
    const realm = this.#config.token?.realm ?? `${scheme()}://${host}/token`;
    const parts = [`realm="${realm}"`, `service="${this.#service}"`];
    if (scope !== undefined) parts.push(`scope="${scope}"`);
    if (error !== undefined) parts.push(`error="${error}"`);
    return { allow: false, status: 401, message, challenge: `Bearer ${parts.join(",")}` };
  }
}

/** What a token has to be for, where any token will not do. */
function neededScope({ action, repository, mountFrom }: AccessRequest): string | undefined {
  if (action === "catalog") return "registry:catalog:*";
  const isOfRepository = action === "pull" || action === "push" || action === "delete";
  if (!isOfRepository || repository === undefined) return undefined;
  const scope = scopeOf(action, repository);
  return mountFrom === undefined ? scope : `${scope} ${scopeOf("pull", mountFrom)}`;
}

const basicChallenge = 'Basic realm="strake", charset="UTF-8"';

function tooManyPasswords(wait: number): Denied {
  const message = "too many wrong passwords came from this address";
  return { allow: false, status: 429, message, retryAfter: wait };
}

function refusalOf({ message, retryAfter }: Denied): Refusal {
  return new Refusal("TOOMANYREQUESTS", message, { headers: { "Retry-After": String(retryAfter ?? 1) } });
}
