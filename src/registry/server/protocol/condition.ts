import type { IncomingRequest } from "../http/request.ts";

/**
 * Whether the client has what it asks for (RFC 9110, 13.1.2): any entity tag of the list, compared weakly, or `*` for whatever
 * is there. For GET and HEAD of what was found.
 */
export function isNotModified({ headers }: IncomingRequest, etag: string): boolean {
  const header = headers.get("if-none-match");
  if (header === null) return false;
  if (header.trim() === "*") return true;
  return header.split(",").some((each) => each.trim().replace(/^W\//, "") === etag);
}
