import { StrakeError } from "../../../errors/index.ts";
import { answerError } from "../answer-error.ts";
import { type Access, bytesBody, type HttpRequest, type HttpResponse, type Send } from "../http/message.ts";
import { readJSON } from "../http/read.ts";
import { basicHeader, type Credentials } from "./credentials.ts";

export interface Token {
  readonly value: string;
  /** Milliseconds since the epoch after which another one is asked for. */
  readonly expiresAt: number;
}

export interface TokenRequest {
  readonly realm: URL;
  readonly service: string | undefined;
  readonly scopes: readonly string[];
  readonly credentials: Credentials | undefined;
  /** What a refusal is explained with. */
  readonly access?: Access;
  readonly signal?: AbortSignal;
}

const answerLimit = 1 << 20;
const clientID = "strake";

/** Asks a token server (Docker's token specification; OAuth2 for refresh tokens). Errors: REGISTRY_*. */
export async function fetchToken(send: Send, request: TokenRequest): Promise<Token> {
  const { credentials } = request;
  if (credentials?.kind === "bearer")
    return { value: credentials.token, expiresAt: Number.POSITIVE_INFINITY };
  let response = await send(
    credentials?.kind === "refresh" ? byRefresh(request, credentials.token) : byGet(request),
  );
  // Some token servers know only OAuth2's way to log in.
  if (credentials?.kind === "basic" && (response.status === 404 || response.status === 405)) {
    response.discard();
    response = await send(byPassword(request, credentials));
  }
  return await readToken(response, request);
}

function byGet({ realm, service, scopes, credentials, signal }: TokenRequest): HttpRequest {
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set("service", service);
  for (const scope of scopes) url.searchParams.append("scope", scope);
  const headers: Record<string, string> = {};
  if (credentials?.kind === "basic") {
    url.searchParams.set("account", credentials.username);
    headers.authorization = basicHeader(credentials.username, credentials.password);
  }
  return { method: "GET", url, headers, ...(signal ? { signal } : {}) };
}

function byRefresh(request: TokenRequest, token: string): HttpRequest {
  return post(request, { grant_type: "refresh_token", refresh_token: token });
}

function byPassword(
  request: TokenRequest,
  { username, password }: { username: string; password: string },
): HttpRequest {
  return post(request, { grant_type: "password", username, password });
}

function post({ realm, service, scopes, signal }: TokenRequest, fields: Record<string, string>): HttpRequest {
  const form = new URLSearchParams({ ...fields, client_id: clientID });
  if (service !== undefined) form.set("service", service);
  if (scopes.length > 0) form.set("scope", scopes.join(" "));
  return {
    method: "POST",
    url: realm,
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: bytesBody(new TextEncoder().encode(form.toString())),
    ...(signal ? { signal } : {}),
  };
}

async function readToken(
  answered: HttpResponse,
  { scopes, credentials, access }: TokenRequest,
): Promise<Token> {
  // OAuth2 refuses a refresh token that has ended with 400 invalid_grant (RFC 6749, 5.2).
  const status = answered.status === 400 && credentials?.kind === "refresh" ? 401 : answered.status;
  const response = { ...answered, status, ...(access === undefined ? {} : { access }) };
  if (response.status !== 200)
    throw await answerError(response, `a token for ${scopes.join(" ") || "the registry"}`);
  const answer = (await readJSON(response, answerLimit, "the token")) as Record<string, unknown> | null;
  const value = answer?.token ?? answer?.access_token;
  // A token goes into a header: a line break in it would be a header of the server's choosing.
  if (typeof value !== "string" || !/^[\x21-\x7e]+$/.test(value))
    throw new StrakeError("REGISTRY_RESPONSE", `${response.url.host} answered without a token`);
  // 60 s when it does not say (token specification); asked for again a little before the end.
  const seconds = typeof answer?.expires_in === "number" && answer.expires_in > 0 ? answer.expires_in : 60;
  return { value, expiresAt: Date.now() + seconds * 900 };
}
