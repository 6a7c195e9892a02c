import { createHash, createHmac } from "node:crypto";

export interface SignedRequest {
  readonly request: Request;
  readonly body: string | Uint8Array;
  readonly service: "s3" | "sts";
}

const sha256 = (text: string | Uint8Array) => createHash("sha256").update(text).digest("hex");
const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();

/** Whether the Signature Version 4 of a request, computed anew from what came, is right, and covers its host and its session token. */
export function isSigned(
  { request, body, service }: SignedRequest,
  keys: { accessKeyId: string; secretAccessKey: string },
): boolean {
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/(\w+)\/aws4_request, SignedHeaders=([^,]+), Signature=(\w+)$/.exec(
      request.headers.get("authorization") ?? "",
    );
  const [, accessKeyId, day, region, named, names = "", signature] = match ?? [];
  if (accessKeyId !== keys.accessKeyId || named !== service) return false;
  const signed = names.split(";");
  const hasToken = request.headers.has("x-amz-security-token");
  if (!signed.includes("host") || (hasToken && !signed.includes("x-amz-security-token"))) return false;
  const { pathname, search } = new URL(request.url);
  const headers = signed.map((name) => `${name}:${request.headers.get(name)}\n`);
  const lines = [request.method, pathname, search.slice(1), headers.join(""), names, sha256(body)];
  const scope = `${day}/${region}/${service}/aws4_request`;
  const text = ["AWS4-HMAC-SHA256", request.headers.get("x-amz-date"), scope, sha256(lines.join("\n"))].join(
    "\n",
  );
  const key = scope.split("/").reduce<string | Buffer>(hmac, `AWS4${keys.secretAccessKey}`);
  return hmac(key, text).toString("hex") === signature;
}
