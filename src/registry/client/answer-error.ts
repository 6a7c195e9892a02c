import { type ErrorCode, StrakeError } from "../../errors/index.ts";
import { nameWithTLS } from "./http/connection-error.ts";
import type { HttpResponse } from "./http/message.ts";
import { readBody } from "./http/read.ts";
import { retryAfter } from "./http/retry.ts";
import { refusal } from "./refusal.ts";

const answerLimit = 64 << 10;
const textLimit = 300;
/** How object stores say what is wrong. */
const storeMessage = /<Error>.*?<Message>([^<]+)<\/Message>/s;
/** How servers of TLS answer plain HTTP: Go's, nginx's. */
const speaksTLS = /HTTP request (?:was sent )?to (?:an )?HTTPS (?:server|port)/i;

/** The error for an answer that is not what was asked for; `what` names that, for example `tag v1 of host/repo`. */
export async function answerError(response: HttpResponse, what: string): Promise<StrakeError> {
  const { host } = response.url;
  const said = await reasonOf(response);
  const suffix = said === "" ? "" : `: ${said}`;
  const { status } = response;
  const make = (code: ErrorCode, message: string, hint?: string) =>
    new StrakeError(code, message + suffix, hint === undefined ? {} : { hint });
  if (status === 400 && speaksTLS.test(said))
    return make("REGISTRY_TLS", `${host} speaks TLS, and was asked in plain HTTP`, nameWithTLS);
  // Who may do everything may not do that either.
  if (status === 403 && /\b(?:quota|immutable|read.?only)\b/i.test(said))
    return make(
      "REGISTRY_DENIED",
      `${host} refused ${what}`,
      "that is a rule of the registry, whoever asks: another login does not help",
    );
  if (status === 401 || status === 403) {
    const { code, message, hint } = refusal(status, { what, host, access: response.access });
    const who = response.access?.tokenServer ?? "it";
    const why = said === "" ? "" : ` (${who} says: ${said})`;
    return new StrakeError(code, message + why, hint === undefined ? {} : { hint });
  }
  if (status === 404)
    return make("REGISTRY_NOT_FOUND", `${host} has no ${what.replace(/^(?:an?|the) /, "")}`);
  if (status === 429) {
    const wait = retryAfter(response);
    const when = wait === undefined ? "" : `; try again in ${Math.ceil(wait / 1000)} seconds`;
    return new StrakeError(
      "REGISTRY_RATE_LIMITED",
      `${host} allows no more requests for now${when}${suffix}`,
      {
        cause: { retryAfterMs: wait },
      },
    );
  }
  if (status === 507)
    return make(
      "REGISTRY_FULL",
      `${host} has no room for ${what} (status 507)`,
      "its administrator must give it space, or delete images and collect garbage",
    );
  if (status >= 500) return make("REGISTRY_FAILED", `${host} failed with status ${status} on ${what}`);
  // What is said to a HEAD does not arrive.
  const mayBeTLS = status === 400 && said === "" && response.url.protocol === "http:";
  return make(
    "REGISTRY_REFUSED",
    `${host} refused ${what} with status ${status}`,
    mayBeTLS ? nameWithTLS : undefined,
  );
}

/** What the registry says, as one short line: it is a stranger's text and must not steer a terminal or carry secrets. */
export async function reasonOf(response: HttpResponse): Promise<string> {
  let body: unknown;
  let text = "";
  try {
    text = new TextDecoder().decode(await readBody(response, answerLimit, "an error"));
    body = JSON.parse(text);
  } catch {
    const isPlain = /^text\/plain\b/i.test(response.headers["content-type"] ?? "");
    return speaksTLS.exec(text)?.[0] ?? clean(storeMessage.exec(text)?.[1] ?? (isPlain ? text : ""));
  }
  const errors = (body as { errors?: unknown } | null)?.errors;
  const texts = (Array.isArray(errors) ? errors : [body]).flatMap((error: unknown) => {
    const { code, message, details, detail } = (error ?? {}) as Record<string, unknown>;
    const parts = [code, message ?? details, detailOf(detail, response)].filter(
      (part) => typeof part === "string" && part !== "",
    );
    return parts.length > 0 ? [parts.join(" ")] : [];
  });
  return clean(texts.join("; "));
}

/** What an error is about, such as the blob that is missing. Of a refusal it is what was asked for, which is told in better words. */
function detailOf(detail: unknown, { status }: HttpResponse): string | undefined {
  if (status === 401 || status === 403 || detail === null || detail === undefined) return undefined;
  if (typeof detail === "string") return detail === "" ? undefined : `(${detail})`;
  if (typeof detail !== "object") return undefined;
  const texts = Object.values(detail).filter((value) => typeof value === "string" && value !== "");
  return texts.length === 0 ? undefined : `(${texts.join(", ")})`;
}

export function clean(text: string): string {
  const line = text
    .replace(/\b(bearer|basic)\s+[\w.~+/=-]{6,}/gi, "$1 ***")
    .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g, " ")
    .trim();
  return line.length > textLimit ? `${line.slice(0, textLimit)}…` : line;
}

/** Milliseconds after which the registry that answered 429 said to come again; undefined where it did not say. */
export function toldToWait(error: StrakeError): number | undefined {
  const wait = (error.cause as { retryAfterMs?: unknown } | undefined)?.retryAfterMs;
  return typeof wait === "number" ? wait : undefined;
}
