import { StrakeError } from "../../errors/index.ts";
import { answerError } from "./answer-error.ts";
import type { HttpRequest, Send } from "./http/message.ts";
import { readJSON } from "./http/read.ts";
import type { RetryOptions } from "./http/retry.ts";
import { whole } from "./http/whole.ts";

/** Bytes of one page, and pages of one list: a registry must not keep us busy for ever. */
const pageLimit = 16 << 20;
const pagesLimit = 10_000;

/** All pages of a list, by the Link header (distribution-spec, "Listing Tags"). Errors: REGISTRY_*. */
export async function* pages(
  { send, retry }: { readonly send: Send; readonly retry?: RetryOptions },
  first: HttpRequest,
  what: string,
): AsyncGenerator<unknown, void, undefined> {
  const seen = new Set<string>();
  let url: URL | undefined = first.url;
  while (url !== undefined) {
    if (seen.has(url.href) || seen.size >= pagesLimit)
      throw new StrakeError("REGISTRY_RESPONSE", `${first.url.host} has no end to ${what}`);
    seen.add(url.href);
    const { page, link } = await whole(
      send,
      { ...first, url },
      {
        ...(retry ? { retry } : {}),
        read: async (response) => {
          if (response.status !== 200) throw await answerError(response, what);
          return { page: await readJSON(response, pageLimit, what), link: response.headers.link };
        },
      },
    );
    yield page;
    url = nextPage(link, url);
  }
}

/**
 * The address of the `next` link (RFC 8288), always at the origin that was asked. A registry behind a proxy may name the origin that it has inside:
 * then the path is the one of the list.
 */
export function nextPage(header: string | undefined, base: URL): URL | undefined {
  for (const match of (header ?? "").matchAll(/<([^>]*)>([^<]*)/g)) {
    if (!/;\s*rel\s*=\s*"?next"?/i.test(match[2]!)) continue;
    try {
      const url = new URL(match[1]!, base);
      if (url.origin === base.origin) return url;
      if (url.pathname === base.pathname) return Object.assign(new URL(base), { search: url.search });
    } catch {
      // What is no address leads nowhere.
    }
  }
  return undefined;
}
