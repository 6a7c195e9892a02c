import { StrakeError } from "../../../errors/index.ts";
import type { HttpRequest, Link } from "./message.ts";

const redirectLimit = 10;
/** What may go to another origin; everything else (authorization, cookies) was meant for the registry alone. */
const harmless = new Set(["accept", "range", "user-agent", "content-type", "content-range"]);

/**
 * Follows redirects. What a registry sends us elsewhere for is fetched without its credentials (CVE-2020-15157), and a
 * redirect out of TLS is refused. Errors: REGISTRY_RESPONSE.
 */
export const followRedirects: Link = (next) => async (first) => {
  let request: HttpRequest = first;
  for (let hops = 0; ; hops++) {
    const response = await next(request);
    const location = response.headers.location;
    if (![301, 302, 303, 307, 308].includes(response.status) || location === undefined) return response;
    // 301 to 303 make a GET of anything else: for an upload that would be a silent loss.
    if (response.status < 307 && request.method !== "GET" && request.method !== "HEAD") return response;
    response.discard();
    if (hops >= redirectLimit)
      throw new StrakeError(
        "REGISTRY_RESPONSE",
        `${first.url.host} redirects more than ${redirectLimit} times`,
      );
    const url = target(location, request.url);
    if (request.url.protocol === "https:" && url.protocol !== "https:")
      throw new StrakeError(
        "REGISTRY_RESPONSE",
        `${request.url.host} redirects from TLS to plain HTTP at ${url.host}`,
      );
    const headers = url.origin === request.url.origin ? request.headers : onlyHarmless(request.headers);
    request = { ...request, url, headers };
  }
};

function target(location: string, base: URL): URL {
  let url: URL;
  try {
    url = new URL(location, base);
  } catch {
    throw new StrakeError("REGISTRY_RESPONSE", `${base.host} redirects to what is no address`);
  }
  if (url.protocol !== "https:" && url.protocol !== "http:")
    throw new StrakeError("REGISTRY_RESPONSE", `${base.host} redirects to a ${url.protocol} address`);
  // Credentials in an address would be sent by some clients.
  url.username = "";
  url.password = "";
  return url;
}

function onlyHarmless(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => harmless.has(name)));
}
