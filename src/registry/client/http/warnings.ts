import { clean } from "../answer-error.ts";
import type { Link } from "./message.ts";

/** Longer headers are not looked at (distribution-spec, "Warnings"). */
const headerLimit = 4096;
/** Different warnings of one registry that are told. */
const countLimit = 20;

/** What a registry wants its users to know, told once each: a deprecation, a quota that is almost full. */
export function hearWarnings(tell: (host: string, text: string) => void): Link {
  const told = new Set<string>();
  return (next) => async (request) => {
    const response = await next(request);
    for (const text of warningsIn(response.headers.warning)) {
      const key = `${response.url.host} ${text}`;
      if (told.has(key) || told.size >= countLimit) continue;
      told.add(key);
      tell(response.url.host, text);
    }
    return response;
  };
}

/** The texts of `299 - "text"`; other codes are of caches on the way (RFC 7234, 5.5), and no business of users. */
export function warningsIn(header: string | undefined): string[] {
  if (header === undefined || header.length > headerLimit) return [];
  const texts = header.matchAll(/(?:^|,)\s*299 [^\s,"]+ "((?:[^"\\]|\\.)*)"/g);
  return [...texts].map(([, text]) => clean(text!.replace(/\\(.)/g, "$1"))).filter((text) => text !== "");
}
