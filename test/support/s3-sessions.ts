import { signRequest } from "../../src/registry/server/storage/s3-sign.ts";
import type { AWSServices } from "./aws-services.ts";
import { isSigned } from "./aws-signature.ts";
import { s3Credentials } from "./s3-server.ts";

export interface SessionGate extends AsyncDisposable {
  readonly endpoint: string;
  /** How many requests came with a session that had ended. */
  readonly refused: () => number;
  /** How many were passed on. */
  readonly passed: () => number;
}

/**
 * In front of versitygw, which refuses session tokens: what comes with one that does not hold is refused as AWS does (400, to HEAD without a body), what is
 * signed wrong too. The rest is passed on, signed anew without the session.
 */
export function startSessionGate(target: string, services: AWSServices): SessionGate {
  let [refused, passed] = [0, 0];
  const server = Bun.serve({
    ...{ hostname: "127.0.0.1", port: 0, idleTimeout: 0, maxRequestBodySize: 2 ** 40 },
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const body = await request.bytes();
      if (!services.holds(request.headers.get("x-amz-security-token") ?? "")) {
        refused++;
        const text =
          "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>";
        return new Response(request.method === "HEAD" ? null : text, { status: 400 });
      }
      if (!isSigned({ request, body, service: "s3" }, s3Credentials))
        return new Response("<Error><Code>SignatureDoesNotMatch</Code></Error>", { status: 403 });
      passed++;
      const sent = [...request.headers].filter(
        ([name]) =>
          name === "range" || name.startsWith("if-") || /^x-amz-(?!date|security|content)/.test(name),
      );
      const parts = {
        ...{ method: request.method, path: pathname, query: search.slice(1) },
        ...{ payload: request.headers.get("x-amz-content-sha256")! },
        headers: { ...Object.fromEntries(sent), host: new URL(target).host },
      };
      const signer = { credentials: s3Credentials, region: "us-east-1", now: new Date() };
      return fetch(`${target}${pathname}${search}`, {
        ...{
          method: request.method,
          headers: signRequest(parts, signer),
          redirect: "manual",
          decompress: false,
        },
        body: body.length > 0 || request.method === "PUT" ? body : undefined,
      });
    },
  });
  return {
    endpoint: `http://127.0.0.1:${server.port}`,
    refused: () => refused,
    passed: () => passed,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}
