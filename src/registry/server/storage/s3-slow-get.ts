import { type IncomingMessage, request as requestPlain } from "node:http";
import { request as requestTLS } from "node:https";
import { messageBody } from "../http/message-body.ts";

/** Milliseconds without a byte from the S3 server, while somebody waits for one. */
const longestStall = 300_000;

/**
 * GET of what is read at a client's speed. fetch would hold up to 2 MiB of a body that nobody reads; node:http's client holds half of that, but
 * goes through no proxy. A redirect is an answer like others. `signal` gives up an answer that has not begun.
 */
export async function getSlowly(
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
  stallLimit = longestStall,
): Promise<Response> {
  const message = await new Promise<IncomingMessage>((resolve, reject) => {
    const begun = (answer: IncomingMessage) => {
      // From here on silence counts only while somebody asks for more: a client may take long over what it has.
      sent.setTimeout(0);
      signal.removeEventListener("abort", stop);
      resolve(answer);
    };
    const request = url.startsWith("https:") ? requestTLS : requestPlain;
    const sent = request(url, { headers: { ...headers } }, begun);
    sent.on("error", reject);
    sent.setTimeout(stallLimit, () => sent.destroy(new Error("the S3 server sends nothing any more")));
    const stop = () => sent.destroy(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    sent.end();
  });
  const named = Object.entries(message.headers).map(([name, value]): [string, string] => [
    name,
    String(value),
  ]);
  const body = messageBody(message, { cancel: () => message.destroy(), patience: stallLimit });
  return new Response(body, { status: message.statusCode ?? 0, headers: named });
}

/** Whether fetch goes through a proxy here. */
export function hasProxy(): boolean {
  const { HTTP_PROXY, HTTPS_PROXY, http_proxy, https_proxy } = process.env;
  return Boolean(HTTP_PROXY || HTTPS_PROXY || http_proxy || https_proxy);
}
