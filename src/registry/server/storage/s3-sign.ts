import { createHash, createHmac } from "node:crypto";

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface SignedParts {
  readonly method: string;
  /** Path as it is sent, already escaped. */
  readonly path: string;
  /** Query as it is sent: escaped, sorted by name. */
  readonly query: string;
  /** Every header that is to be signed, names in lowercase, with `host`. */
  readonly headers: Readonly<Record<string, string>>;
  /** sha256 of the body in hexadecimal digits. */
  readonly payload: string;
}

export const sha256Hex = (content: string | Uint8Array): string =>
  createHash("sha256").update(content).digest("hex");

const hmac = (key: string | Uint8Array, text: string): Buffer =>
  createHmac("sha256", key).update(text).digest();

/** The headers that make a request AWS Signature Version 4 at a time, beside those that were signed. */
export function signRequest(
  { method, path, query, headers, payload }: SignedParts,
  { credentials, region, now }: { credentials: S3Credentials; region: string; now: Date },
): Record<string, string> {
  const time = now.toISOString().replace(/[-:]|\.\d+/g, "");
  const day = time.slice(0, 8);
  const all: Record<string, string> = {
    ...headers,
    "x-amz-date": time,
    "x-amz-content-sha256": payload,
    ...(credentials.sessionToken ? { "x-amz-security-token": credentials.sessionToken } : {}),
  };
  const names = Object.keys(all).sort();
  const signed = names.join(";");
  const canonical = [
    method,
    path,
    query,
    ...names.map((name) => `${name}:${all[name]!.trim()}`),
    "",
    signed,
    payload,
  ];
  const scope = `${day}/${region}/s3/aws4_request`;
  const text = ["AWS4-HMAC-SHA256", time, scope, sha256Hex(canonical.join("\n"))].join("\n");
  const key = hmac(hmac(hmac(hmac(`AWS4${credentials.secretAccessKey}`, day), region), "s3"), "aws4_request");
  const signature = hmac(key, text).toString("hex");
  const { host: _, ...sent } = all;
  return {
    ...sent,
    authorization: `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=${signed}, Signature=${signature}`,
  };
}

/** A value in a path or query as Signature Version 4 wants it escaped. */
export function escapeURI(value: string): string {
  return encodeURIComponent(value).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
