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

/** As `readBody`, as JSON. Errors: REGISTRY_RESPONSE. */
export async function readJSON(response: HttpResponse, limit: number, what: string): Promise<unknown> {
  const bytes = await readBody(response, limit, what);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new StrakeError("REGISTRY_RESPONSE", `${what} from ${response.url.host} is not JSON`, { cause });
  }
}
