import type { Link } from "./message.ts";

/**
 * Tells a place that is not the origin of what it is asked for whose it is, as containerd does: `ns=` on whatever is read, with
 * the registry as it is called in references. Only `origin` is told, and pushes say nothing.
 */
export function namespace(name: string, origin: string): Link {
  return (next) => async (request) => {
    const reads = request.method === "GET" || request.method === "HEAD";
    if (!reads || request.url.origin !== origin || request.url.searchParams.has("ns")) return next(request);
    const url = new URL(request.url);
    // By hand: URLSearchParams would write the rest of the query anew.
    url.search += `${url.search === "" ? "?" : "&"}ns=${encodeURIComponent(name)}`;
    return next({ ...request, url });
  };
}
