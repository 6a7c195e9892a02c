import { StrakeError } from "../../errors/index.ts";
import { isRepositoryPath } from "../../oci/index.ts";
import { clientOf } from "./access/rate-limit.ts";
import type { Access, AccessDecision, AccessRequest } from "./access.ts";
import { deleteBlob, serveBlob } from "./blobs.ts";
import { listCatalog } from "./catalog.ts";
import type { Call, Core, Traffic } from "./core.ts";
import type { IncomingRequest, Sender } from "./http/request.ts";
import { deleteManifest, putManifest, serveManifest } from "./manifests.ts";
import { Refusal, versionHeader } from "./protocol/refusal.ts";
import { parseRoute, type Route } from "./protocol/route.ts";
import { jsonAnswer } from "./protocol/text-answer.ts";
import { type CachedAnswer, serveCached } from "./proxy/index.ts";
import { listReferrers } from "./referrers.ts";
import { listTags } from "./tags.ts";
import { beginUpload, cancelUpload, continueUpload, finishUpload, uploadStatus } from "./uploads.ts";

/** What became of a request, beside the response. */
export interface Outcome {
  readonly response: Response;
  readonly route: Route["kind"] | "token" | "other";
  readonly actor?: string;
  readonly error?: string;
  /** Bytes of the request's body that were read. */
  readonly received?: number;
  /** Where the image is from, for one of another registry: its prefix here, and what the cache did. */
  readonly upstream?: string;
  readonly cache?: CachedAnswer["cache"];
}

const noQuery = new URLSearchParams();

/** Path and query of a request's URL, without building a URL object. */
export function splitURL(url: string): { path: string; query: URLSearchParams } {
  // Without the server where the Host header can be none: then Bun gives the target alone.
  const start = url.startsWith("/") ? 0 : url.indexOf("/", url.indexOf("://") + 3);
  const mark = url.indexOf("?", start);
  if (mark === -1) return { path: url.slice(start), query: noQuery };
  return { path: url.slice(start, mark), query: new URLSearchParams(url.slice(mark + 1)) };
}

/** Answers one request of the distribution API; never rejects. */
export async function handle(
  core: Core,
  access: Access,
  request: IncomingRequest,
  sender: Sender,
): Promise<Outcome> {
  const { path, query } = splitURL(request.url);
  let route: Route | undefined;
  let actor: string | undefined;
  let upstream: string | undefined;
  const traffic: Traffic = { received: 0 };
  try {
    route = parseRoute(path);
    if (!route) throw new Refusal("UNSUPPORTED", "the registry has nothing at this path", { status: 404 });
    const { headers, method } = request;
    const target = core.proxy?.target(route, query, headers.get("host") ?? "");
    upstream = target?.upstream.prefix;
    // By the name that was asked for: tokens are for names as clients write them.
    const wanted = accessOf(route, method, target?.asked);
    const mountFrom = route.kind === "uploads" && method === "POST" ? mountSource(query) : undefined;
    const asked = access({ ...wanted, ...sender, mountFrom, headers });
    const decision = asked instanceof Promise ? await asked : asked;
    if (!decision.allow) throw denial(decision);
    actor = decision.actor;
    const may = async (action: AccessRequest["action"], repository?: string) =>
      (await access({ action, repository, ...sender, headers, isPart: true })).allow;
    const { visible } = decision;
    const client = () => clientOf(sender.remote());
    const call: Call = { core, request, method, traffic, query, actor, client, visible, may };
    const { response, cache }: CachedAnswer =
      core.proxy && target
        ? await serveCached(call, core.proxy, { route, target })
        : { response: await dispatch(call, route) };
    return { response, route: route.kind, actor, upstream, cache, received: traffic.received };
  } catch (error) {
    const { response, message } = failure(error);
    const { received } = traffic;
    return { response, route: route?.kind ?? "other", actor, upstream, error: message, received };
  }
}

/** The action a request is, for the access decision. */
export function accessOf(
  route: Route,
  method: string,
  name?: string,
): Pick<AccessRequest, "action" | "repository" | "tag"> {
  if (route.kind === "base") return { action: "ping" };
  if (route.kind === "catalog") return { action: "catalog" };
  const repository = name ?? route.repository;
  const tag = route.kind === "manifest" && !route.reference.includes(":") ? route.reference : undefined;
  // An upload belongs to a push, whatever is done with it.
  if (route.kind === "upload" || route.kind === "uploads") return { action: "push", repository };
  if (method === "DELETE") return { action: "delete", repository, tag };
  const reads = method === "GET" || method === "HEAD" || method === "OPTIONS";
  return { action: reads ? "pull" : "push", repository, tag };
}

/** The repository that a blob is to be mounted from; undefined when none is named, or what is no name. */
function mountSource(query: URLSearchParams): string | undefined {
  const from = query.has("mount") ? query.get("from") : null;
  return from !== null && isRepositoryPath(from) ? from : undefined;
}

function dispatch(call: Call, route: Route): Promise<Response> | Response {
  const read = call.method === "GET" || call.method === "HEAD";
  switch (route.kind) {
    case "base":
      if (read) return jsonAnswer({}, { headers: versionHeader });
      break;
    case "catalog":
      if (read) return listCatalog(call);
      break;
    case "tags":
      if (read) return listTags(call, route.repository);
      break;
    case "referrers":
      if (read) return listReferrers(call, route.repository, route.digest);
      break;
    case "manifest":
      if (read) return serveManifest(call, route.repository, route.reference);
      if (call.method === "PUT") return putManifest(call, route.repository, route.reference);
      if (call.method === "DELETE") return deleteManifest(call, route.repository, route.reference);
      break;
    case "blob":
      if (read) return serveBlob(call, route.repository, route.digest);
      if (call.method === "DELETE") return deleteBlob(call, route.repository, route.digest);
      break;
    case "uploads":
      if (call.method === "POST") return beginUpload(call, route.repository);
      break;
    case "upload":
      if (read) return uploadStatus(call, route.repository, route.id);
      if (call.method === "PATCH") return continueUpload(call, route.repository, route.id);
      if (call.method === "PUT") return finishUpload(call, route.repository, route.id);
      if (call.method === "DELETE") return cancelUpload(call, route.repository, route.id);
      break;
  }
  const headers = { Allow: allowed[route.kind] };
  if (call.method === "OPTIONS") return new Response(null, { status: 204, headers });
  throw new Refusal("UNSUPPORTED", "this method is not supported here", { headers });
}

/** Methods of each resource; an answer 405 has to name them (RFC 9110, 15.5.6). */
const allowed: Record<Route["kind"], string> = {
  base: "GET, HEAD, OPTIONS",
  catalog: "GET, HEAD, OPTIONS",
  tags: "GET, HEAD, OPTIONS",
  referrers: "GET, HEAD, OPTIONS",
  manifest: "GET, HEAD, PUT, DELETE, OPTIONS",
  blob: "GET, HEAD, DELETE, OPTIONS",
  uploads: "POST, OPTIONS",
  upload: "GET, HEAD, PATCH, PUT, DELETE, OPTIONS",
};

export function denial(decision: Extract<AccessDecision, { allow: false }>): Refusal {
  const { status, message, challenge, retryAfter } = decision;
  const code = status === 401 ? "UNAUTHORIZED" : status === 403 ? "DENIED" : "TOOMANYREQUESTS";
  return new Refusal(code, message, {
    headers: {
      ...(challenge === undefined ? {} : { "WWW-Authenticate": challenge }),
      ...(retryAfter === undefined ? {} : { "Retry-After": String(retryAfter) }),
    },
  });
}

/** The answer to a failure. What storage said may hold paths and addresses: it goes to the log, not to the client. */
export function failure(error: unknown): { response: Response; message?: string } {
  if (error instanceof Refusal) return { response: error.response(), message: error.log };
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof StrakeError && error.httpStatus < 500)
    return {
      response: new Refusal("UNAVAILABLE", "somebody else changed the same thing; try again", {
        headers: { "Retry-After": "1" },
      }).response(),
      message,
    };
  if (error instanceof StrakeError && error.code === "REGISTRY_FULL")
    return {
      response: new Refusal("UNAVAILABLE", "the registry has no room left", { status: 507 }).response(),
      message,
    };
  const known = error instanceof StrakeError && error.class !== "internal";
  const refusal = known
    ? new Refusal("UNAVAILABLE", "the registry's storage cannot be used now", {
        headers: { "Retry-After": "5" },
      })
    : new Refusal("UNKNOWN", "the registry failed");
  return { response: refusal.response(), message };
}
