import { createHash, createHmac } from "node:crypto";

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** Milliseconds since the epoch. Absent: they do not end by themselves. */
  readonly expiration?: number;
  /** Where they are from, in words for people. */
  readonly source?: string;
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

const algorithm = "AWS4-HMAC-SHA256";

const hmac = (key: string | Uint8Array, text: string): Buffer =>
  createHmac("sha256", key).update(text).digest();

/** Who signs, for which region, and when. */
export interface Signer {
  readonly credentials: S3Credentials;
  readonly region: string;
  /** `s3` when absent. */
  readonly service?: string;
  readonly now: Date;
}

/** The headers that make a request AWS Signature Version 4 at a time, beside those that were signed. */
export function signRequest(parts: SignedParts, signer: Signer): Record<string, string> {
  const { credentials, now } = signer;
  const { headers, payload } = parts;
  const all: Record<string, string> = {
    ...headers,
    "x-amz-date": timeOf(now),
    "x-amz-content-sha256": payload,
    ...(credentials.sessionToken ? { "x-amz-security-token": credentials.sessionToken } : {}),
  };
  const signature = sign({ ...parts, headers: all }, signer);
  const { host: _, ...sent } = all;
  const credential = `${credentials.accessKeyId}/${scopeOf(signer)}`;
  return {
    ...sent,
    authorization: `${algorithm} Credential=${credential}, SignedHeaders=${namesOf(all).join(";")}, Signature=${signature}`,
  };
}

/**
 * The query that lets whoever has it GET what is at a path of a host, for a number of seconds (Signature Version 4, "Authenticating Requests: Using Query Parameters").
 */
export function signAddress(
  { host, path, seconds }: { host: string; path: string; seconds: number },
  signer: Signer,
): string {
  const { accessKeyId, sessionToken } = signer.credentials;
  const query = Object.entries({
    "X-Amz-Algorithm": algorithm,
    "X-Amz-Credential": `${accessKeyId}/${scopeOf(signer)}`,
    "X-Amz-Date": timeOf(signer.now),
    "X-Amz-Expires": String(seconds),
    ...(sessionToken ? { "X-Amz-Security-Token": sessionToken } : {}),
    "X-Amz-SignedHeaders": "host",
  })
    .map(([name, value]) => `${name}=${escapeURI(value)}`)
    .join("&");
  const parts = { method: "GET", path, query, headers: { host }, payload: "UNSIGNED-PAYLOAD" };
  return `${query}&X-Amz-Signature=${sign(parts, signer)}`;
}

function sign({ method, path, query, headers, payload }: SignedParts, signer: Signer): string {
  const names = namesOf(headers);
  const canonical = [
    ...[method, path, query],
    ...names.map((name) => `${name}:${headers[name]!.trim()}`),
    ...["", names.join(";"), payload],
  ];
  const text = [algorithm, timeOf(signer.now), scopeOf(signer), sha256Hex(canonical.join("\n"))].join("\n");
  const secret = `AWS4${signer.credentials.secretAccessKey}`;
  const key = scopeOf(signer)
    .split("/")
    .reduce((before: string | Uint8Array, part) => hmac(before, part), secret);
  return hmac(key, text).toString("hex");
}

function namesOf(headers: SignedParts["headers"]): string[] {
  return Object.keys(headers).sort();
}

/** `20150830T123600Z` */
function timeOf(now: Date): string {
  return now.toISOString().replace(/[-:]|\.\d+/g, "");
}

function scopeOf({ region, service = "s3", now }: Signer): string {
  return `${timeOf(now).slice(0, 8)}/${region}/${service}/aws4_request`;
}

/** A value in a path or query as Signature Version 4 wants it escaped. */
export function escapeURI(value: string): string {
  return encodeURIComponent(value).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
