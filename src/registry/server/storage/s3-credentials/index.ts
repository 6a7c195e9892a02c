import { chain } from "./chain.ts";
import { fromContainer } from "./container.ts";
import { fromEnvironment } from "./environment.ts";
import { fromInstance } from "./instance.ts";
import { fromProfile } from "./profile.ts";
import type { S3CredentialsProvider } from "./provider.ts";
import { renewing } from "./renewal.ts";
import type { Environment } from "./source.ts";
import { fromWebIdentity } from "./web-identity.ts";

export interface DefaultCredentialsOptions {
  readonly env?: Environment;
  /** Of STS, where nothing names its address. Default: AWS_REGION, else us-east-1. */
  readonly region?: string;
  /** Told of a renewal that failed while the old credentials are valid; it is tried again. */
  readonly onFailure?: (error: unknown) => void;
}

/**
 * Credentials from where AWS's SDKs look for them: the environment, web identity, the shared files, the container, the EC2 instance. Renewed ahead of
 * their end.
 */
export function defaultS3Credentials({
  env = process.env,
  region = env.AWS_REGION || env.AWS_DEFAULT_REGION || "us-east-1",
  onFailure,
}: DefaultCredentialsOptions = {}): S3CredentialsProvider {
  const sources = [
    fromEnvironment(env),
    fromWebIdentity(env, region),
    fromProfile(env, region),
    fromContainer(env),
    fromInstance(env),
  ];
  return renewing(chain(sources), { onFailure });
}
