import { Refusal, versionHeader } from "./refusal.ts";
import { jsonAnswer } from "./text-answer.ts";

/** More than this is never gathered for one answer, whatever `n` asks for (CVE-2023-2253). */
export const pageLimit = 10_000;

/** `n` and `last` of a list's query. Throws PAGINATION_NUMBER_INVALID. */
export function parsePage(query: URLSearchParams, standard = pageLimit): { size: number; last: string } {
  const n = query.get("n");
  const last = query.get("last") ?? "";
  if (n === null || n === "") return { size: standard, last };
  if (!/^\d{1,15}$/.test(n))
    throw new Refusal("PAGINATION_NUMBER_INVALID", "n is not a number of entries", {
      detail: { n: n.slice(0, 64) },
    });
  return { size: Math.min(Number(n), pageLimit), last };
}

/** A JSON answer, with a Link to the next page when there is one. Keeps the other parameters of the query. */
export function pageResponse(
  body: unknown,
  next: { path: string; query: Readonly<Record<string, string>> } | undefined,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const link = next && { Link: `<${next.path}?${new URLSearchParams(next.query)}>; rel="next"` };
  return jsonAnswer(body, { headers: { ...versionHeader, ...link, ...headers } });
}
