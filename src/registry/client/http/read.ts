import { StrakeError } from "../../../errors/index.ts";
import type { HttpResponse } from "./message.ts";

/** The whole body, which may have at most `limit` bytes (CVE-2020-1702). Errors: REGISTRY_RESPONSE. */
export async function readBody(response: HttpResponse, limit: number, what: string): Promise<Uint8Array> {
  const tooLong = () => {
    response.discard();
    return new StrakeError(
      "REGISTRY_RESPONSE",
      `${what} from ${response.url.host} is longer than ${limit} bytes`,
    );
  };
  if (Number(response.headers["content-length"] ?? 0) > limit) throw tooLong();
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body) {
    length += chunk.byteLength;
    if (length > limit) throw tooLong();
    parts.push(chunk);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.byteLength;
  }
  return bytes;
}

/**
 * Refuses a web page in place of what was asked for: a proxy's, a login's, or that of whoever else has this address. Errors: REGISTRY_RESPONSE.
 */
export function demandNoPage({ url, headers }: Pick<HttpResponse, "url" | "headers">, what: string): void {
  if (!/^\s*(?:text\/html|application\/xhtml\+xml)\b/i.test(headers["content-type"] ?? "")) return;
  throw new StrakeError("REGISTRY_RESPONSE", `${url.host} answered with a web page in place of ${what}`, {
    hint: "check the registry's name and port, and whether a proxy or the page of a network's login stands between",
  });
}

/** As `readBody`, as JSON. Errors: REGISTRY_RESPONSE. */
export async function readJSON(response: HttpResponse, limit: number, what: string): Promise<unknown> {
  const bytes = await readBody(response, limit, what);
  demandNoPage(response, what);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new StrakeError("REGISTRY_RESPONSE", `${what} from ${response.url.host} is not JSON`, { cause });
  }
}
