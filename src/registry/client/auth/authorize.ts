import { StrakeError } from "../../../errors/index.ts";
import type { Access, HttpRequest, HttpResponse, Link, Send } from "../http/message.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import { basicHeader, type Credentials } from "./credentials.ts";
import { loginOf } from "./login.ts";
import { fetchToken, type Token } from "./token.ts";

export interface AuthorizeOptions {
  /** The registry as the user names it. */
  readonly name: string;
  /** Where credentials may be sent, and nowhere else. */
  readonly origin: string;
  /** For the scope's repository, or the registry itself when there is none. */
  readonly credentials: (repository: string | undefined) => Promise<Credentials | undefined>;
  /** A token server without TLS is trusted only by those who do without it anyway. */
  readonly allowPlainRealm: boolean;
}

/**
 * Answers challenges: basic, bearer tokens (one for each set of scopes, kept until it ends, asked for once however many
 * requests wait for it). The first challenge is remembered, so later requests carry their credentials at once.
 */
export function authorize(options: AuthorizeOptions): Link {
  return (next) => {
    const tokens = new Map<string, Promise<Token>>();
    let known: Challenge | undefined;

    const tokenFor = async (challenge: Challenge, request: HttpRequest): Promise<string> => {
      const scopes = scopesOf(request, challenge);
      const key = scopes.join(" ");
      for (let known = tokens.get(key); known !== undefined; known = tokens.get(key)) {
        const token = await known.catch(() => undefined);
        if (token && token.expiresAt > Date.now()) return token.value;
        // Somebody who waited for the same one may have asked for the next already.
        if (tokens.get(key) === known) break;
      }
      const asked = ask(next, { challenge, scopes, request, options });
      tokens.set(key, asked);
      asked.catch(() => {
        if (tokens.get(key) === asked) tokens.delete(key);
      });
      return (await asked).value;
    };

    /** A token that the registry did not take; not the one that another request has had since. */
    const forget = async (authorization: string, key: string): Promise<void> => {
      const asked = tokens.get(key);
      const token = await asked?.catch(() => undefined);
      if (token && authorization === `Bearer ${token.value}` && tokens.get(key) === asked) tokens.delete(key);
    };

    const headerFor = async (challenge: Challenge, request: HttpRequest): Promise<string | undefined> => {
      if (challenge.scheme === "bearer") return `Bearer ${await tokenFor(challenge, request)}`;
      const credentials = await options.credentials(repositoryOf(request));
      if (credentials?.kind === "bearer") return `Bearer ${credentials.token}`;
      return credentials?.kind === "basic"
        ? basicHeader(credentials.username, credentials.password)
        : undefined;
    };

    const answer = async (request: HttpRequest): Promise<HttpResponse> => {
      // An upload's Location, or a link, may lead to another origin: nothing of ours is shown there.
      if (request.url.origin !== options.origin) return await next(request);
      const before = known;
      const sent = before && (await headerFor(before, request));
      const response = await next(withAuthorization(request, sent));
      if (response.status !== 401 || response.url.origin !== options.origin) return response;
      const challenge = pick(parseChallenges(response.headers["www-authenticate"]));
      if (challenge === undefined) return response;
      known = challenge;
      if (before !== undefined && sent !== undefined)
        for (const one of [before, challenge]) await forget(sent, scopesOf(request, one).join(" "));
      const again = await headerFor(challenge, request);
      // What was refused will not be liked better a second time.
      if (again === undefined || again === sent) return response;
      response.discard();
      return await next(withAuthorization(request, again));
    };

    return async (request) => {
      const response = await answer(request);
      const isRefusal = response.status === 401 || response.status === 403;
      if (!isRefusal || known === undefined || response.url.origin !== options.origin) return response;
      const credentials = await options.credentials(repositoryOf(request));
      const again = pick(parseChallenges(response.headers["www-authenticate"]));
      // In the order of the request: what it is about comes first.
      const scopes = request.scopes?.length ? request.scopes : scopesOf(request, again ?? known);
      return { ...response, access: accessOf(options.name, { scopes, credentials, challenge: again }) };
    };
  };
}

function withAuthorization(request: HttpRequest, authorization: string | undefined): HttpRequest {
  if (authorization === undefined) return request;
  return { ...request, headers: { ...request.headers, authorization } };
}

function accessOf(
  registry: string,
  {
    scopes,
    credentials,
    challenge,
  }: {
    readonly scopes: readonly string[];
    readonly credentials: Credentials | undefined;
    readonly challenge?: Challenge | undefined;
  },
): Access {
  const fault = challenge?.parameters.error;
  return {
    registry,
    scopes,
    ...(credentials === undefined ? {} : { login: loginOf(credentials) }),
    ...(fault === undefined ? {} : { fault }),
  };
}

interface Asking {
  readonly challenge: Challenge;
  readonly scopes: readonly string[];
  readonly request: HttpRequest;
  readonly options: AuthorizeOptions;
}

async function ask(send: Send, { challenge, scopes, request, options }: Asking): Promise<Token> {
  const { realm, service } = challenge.parameters;
  const credentials = await options.credentials(repositoryOf(request));
  const server = realmURL(realm, options);
  const access = accessOf(options.name, { scopes: request.scopes ?? scopes, credentials });
  return await fetchToken(send, {
    realm: server,
    service,
    scopes,
    credentials,
    access: server.origin === options.origin ? access : { ...access, tokenServer: server.host },
    ...(request.signal ? { signal: request.signal } : {}),
  });
}

/** Credentials are sent to the realm: in clear only where the registry itself is used in clear. */
function realmURL(realm: string | undefined, { origin, allowPlainRealm }: AuthorizeOptions): URL {
  const host = new URL(origin).host;
  let url: URL;
  try {
    url = new URL(realm ?? "", origin);
  } catch {
    throw new StrakeError("REGISTRY_RESPONSE", `${host} names a token server that is no address`);
  }
  url.username = "";
  url.password = "";
  if (url.protocol !== "https:" && !(url.protocol === "http:" && allowPlainRealm))
    throw new StrakeError("REGISTRY_RESPONSE", `${host} names a token server without TLS: ${url.host}`);
  return url;
}

function pick(challenges: readonly Challenge[]): Challenge | undefined {
  return (
    challenges.find(({ scheme, parameters }) => scheme === "bearer" && parameters.realm !== undefined) ??
    challenges.find(({ scheme }) => scheme === "basic")
  );
}

/** What the request needs; what the registry says it needs where the request does not know (the catalog). */
function scopesOf(request: HttpRequest, challenge: Challenge): string[] {
  const own = request.scopes ?? [];
  const asked = own.length > 0 ? [] : (challenge.parameters.scope?.split(" ").filter(Boolean) ?? []);
  return [...new Set([...own, ...asked])].sort();
}

function repositoryOf({ scopes }: HttpRequest): string | undefined {
  return /^repository:([^:]+):/.exec(scopes?.[0] ?? "")?.[1];
}
