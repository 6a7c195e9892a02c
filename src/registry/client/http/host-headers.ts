import type { Link } from "./message.ts";

/**
 * What a configuration wants sent to a host, with each request that goes there and with none that goes elsewhere: so it stands behind the link
 * that follows redirects. Headers of the protocol are ours; only the name of the program may be another.
 */
export function hostHeaders(headers: Readonly<Record<string, string>>, origin: string): Link {
  const { "user-agent": agent, ...more } = headers;
  return (next) => (request) =>
    request.url.origin === origin
      ? next({
          ...request,
          headers: { ...more, ...request.headers, ...(agent === undefined ? {} : { "user-agent": agent }) },
        })
      : next(request);
}
