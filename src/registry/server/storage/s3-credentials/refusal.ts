import type { S3Credentials } from "../s3-sign.ts";

/** versitygw without users' accounts answers 404 with this code where others answer 403 InvalidAccessKeyId. */
export const unknownUser = "XAdminUserNotFound";

/** Of AWS, MinIO, Ceph and versitygw: the keys or their token have ended, or were replaced. */
const ended = new Set([
  ...["ExpiredToken", "InvalidToken", "InvalidTokenId", "TokenRefreshRequired"],
  ...["InvalidAccessKeyId", "SignatureDoesNotMatch", unknownUser],
]);

/** Whether an S3 server's answer may be another one with newer credentials. An answer to HEAD has no code that would tell. */
export function mayHaveEnded(
  { method, status, code }: { method: string; status: number; code: string },
  { expiration = Number.POSITIVE_INFINITY }: S3Credentials,
): boolean {
  if (ended.has(code)) return true;
  const isRefusal = status === 400 || status === 403;
  return isRefusal && ((method === "HEAD" && code === "") || (status === 403 && Date.now() >= expiration));
}

/** Whether two are the same to an S3 server. */
export function areSame(one: S3Credentials, other: S3Credentials): boolean {
  return (
    one.accessKeyId === other.accessKeyId &&
    one.secretAccessKey === other.secretAccessKey &&
    one.sessionToken === other.sessionToken
  );
}
