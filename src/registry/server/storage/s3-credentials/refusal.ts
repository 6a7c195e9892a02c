import type { S3Credentials } from "../s3-sign.ts";

/** Of AWS, MinIO, Ceph and versitygw: the keys or their token have ended, or were replaced. */
const ended = new Set([
  ...["ExpiredToken", "InvalidToken", "InvalidTokenId", "TokenRefreshRequired"],
  ...["InvalidAccessKeyId", "SignatureDoesNotMatch"],
]);

/** Whether an S3 server's answer may be another one with newer credentials. An answer to HEAD has no code that would tell. */
export function mayHaveEnded(
  { method, status, code }: { method: string; status: number; code: string },
  { expiration = Number.POSITIVE_INFINITY }: S3Credentials,
): boolean {
  if (status !== 400 && status !== 401 && status !== 403) return false;
  return (
    ended.has(code) || (method === "HEAD" && code === "") || (status === 403 && Date.now() >= expiration)
  );
}

/** Whether two are the same to an S3 server. */
export function areSame(one: S3Credentials, other: S3Credentials): boolean {
  return (
    one.accessKeyId === other.accessKeyId &&
    one.secretAccessKey === other.secretAccessKey &&
    one.sessionToken === other.sessionToken
  );
}
