import { StrakeError } from "../../../errors/index.ts";
import type { S3Options } from "./s3-client.ts";

/**
 * The same error with what whoever starts a registry can do about it: what an S3 server says names none of our settings. `source` says where the
 * credentials are from.
 */
export function withAdvice(error: unknown, { bucket, region }: S3Options, source?: string): unknown {
  if (!(error instanceof StrakeError) || error.code !== "REGISTRY_STORAGE" || error.hint) return error;
  const { code } = (error.cause ?? {}) as { code?: unknown };
  if (code === "NoSuchBucket")
    return error.with({ hint: `make the bucket ${bucket}, or check its name, the endpoint and the region` });
  if (/cannot be reached/.test(error.message))
    return error.with({ hint: "check the endpoint: its host, its port, and whether it is http or https" });
  if (/answered 30[0-9] /.test(error.message) || code === "AuthorizationHeaderMalformed")
    return error.with({
      hint: `check the region (${region ?? "us-east-1"}) and the endpoint: the bucket is elsewhere`,
    });
  if (/answered 40[0-9] /.test(error.message))
    return error.with({
      hint: `check ${source ?? "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"}, and what they may do with the bucket ${bucket}`,
    });
  return error;
}
