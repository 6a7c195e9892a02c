import type { S3Credentials } from "../s3-sign.ts";

/**
 * Credentials as JSON: of the metadata services of EC2 and of containers (whose session token is `Token`), and of a `credential_process`
 * (`SessionToken`). Throws without saying what it was given, for that holds secrets.
 */
export function decodeCredentials(text: string, source: string): S3Credentials {
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch {
    throw new Error("what was given is no JSON");
  }
  const given = (typeof said === "object" && said !== null ? said : {}) as Record<string, unknown>;
  const { AccessKeyId, SecretAccessKey, SessionToken, Token, Expiration } = given;
  if (!isText(AccessKeyId) || !isText(SecretAccessKey))
    throw new Error("what was given has no AccessKeyId and SecretAccessKey");
  const sessionToken = [SessionToken, Token].find(isText);
  return {
    ...{ accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken, source },
    expiration: decodeExpiration(Expiration),
  };
}

/** When credentials end, in milliseconds since the epoch; undefined where nothing is said. */
export function decodeExpiration(said: unknown): number | undefined {
  if (said === undefined || said === null || said === "") return undefined;
  const time = typeof said === "string" ? Date.parse(said) : Number.NaN;
  if (Number.isNaN(time)) throw new Error("what was given has an Expiration that is no time");
  return time;
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}
