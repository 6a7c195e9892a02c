import { deleteBlob } from "../blobs.ts";
import type { Call } from "../core.ts";
import { deleteManifest } from "../manifests.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { Route } from "../protocol/route.ts";
import { serveCachedBlob } from "./blobs.ts";
import { listCachedReferrers, listCachedTags } from "./lists.ts";
import { serveCachedManifest } from "./manifests.ts";
import { type CachedAnswer, nameOf, type PullThrough, type Target } from "./pull-through.ts";

/** RFC 7234's warning of a cache that could not ask whether it is up to date. */
const staleWarning =
  '110 - "the upstream could not be asked, or its answer not be kept: this is what it was"';

/** Answers a request to a cached repository. */
export async function serveCached(
  call: Call,
  proxy: PullThrough,
  { route, target }: { readonly route: Route; readonly target: Target },
): Promise<CachedAnswer> {
  const { upstream } = target;
  if (call.method !== "GET" && call.method !== "HEAD")
    return { response: await change(call, proxy, { route, target }) };
  const { response, cache } = await read(call, proxy, { route, target });
  proxy.metrics.request(upstream.prefix, route.kind, cache ?? "hit");
  if (cache === "stale") response.headers.append("Warning", staleWarning);
  const namespace = call.query.get("ns");
  if (namespace !== null && upstream.namespaces.includes(namespace))
    response.headers.set("OCI-Namespace", namespace);
  return { response, cache };
}

function read(
  call: Call,
  proxy: PullThrough,
  { route, target }: { readonly route: Route; readonly target: Target },
): Promise<CachedAnswer> {
  switch (route.kind) {
    case "manifest":
      return serveCachedManifest(call, proxy, { target, reference: route.reference });
    case "blob":
      return serveCachedBlob(call, proxy, { target, digest: route.digest });
    case "tags":
      return listCachedTags(call, proxy, target);
    case "referrers":
      return listCachedReferrers(call, proxy, { target, digest: route.digest });
    default:
      throw readOnly(target);
  }
}

/** Deleting makes the cache forget; the upstream keeps what it has. */
async function change(
  call: Call,
  proxy: PullThrough,
  { route, target }: { readonly route: Route; readonly target: Target },
): Promise<Response> {
  const { repository } = target;
  if (call.method === "DELETE" && route.kind === "manifest") {
    const response = await deleteManifest(call, repository, route.reference);
    proxy.fresh.delete(nameOf(repository, route.reference));
    return response;
  }
  if (call.method === "DELETE" && route.kind === "blob") return deleteBlob(call, repository, route.digest);
  throw readOnly(target);
}

function readOnly({ upstream }: Target): Refusal {
  return new Refusal(
    "DENIED",
    `what is below ${upstream.prefix}/ is a cache of another registry: push there`,
  );
}
