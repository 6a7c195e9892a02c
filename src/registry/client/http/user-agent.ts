import type { Link } from "./message.ts";

export function userAgent(name: string): Link {
  return (next) => (request) => next({ ...request, headers: { "user-agent": name, ...request.headers } });
}
