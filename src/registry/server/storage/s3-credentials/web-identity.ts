import type { S3Credentials } from "../s3-sign.ts";
import type { Environment, Source } from "./source.ts";
import { askSTS, stsEndpoint } from "./sts.ts";
import { readToken } from "./token-file.ts";

export interface WebIdentity {
  /** A file with a JSON Web Token. */
  readonly tokenFile: string;
  readonly roleARN: string;
  /** How the session is called in AWS's logs. */
  readonly sessionName?: string;
}

/** AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, as pods of EKS have them whose service account has a role. */
export function fromWebIdentity(env: Environment, region: string): Source {
  return {
    name: "web identity",
    async find() {
      const { AWS_WEB_IDENTITY_TOKEN_FILE: tokenFile, AWS_ROLE_ARN: roleARN } = env;
      if (!tokenFile) return { absent: "AWS_WEB_IDENTITY_TOKEN_FILE is not set" };
      if (!roleARN) throw new Error("AWS_WEB_IDENTITY_TOKEN_FILE is set and AWS_ROLE_ARN is not");
      const identity = { tokenFile, roleARN, sessionName: env.AWS_ROLE_SESSION_NAME };
      return { credentials: await assumeWithToken(identity, stsEndpoint(env, region)) };
    },
  };
}

/** STS AssumeRoleWithWebIdentity, which is not signed: the token says who asks. */
export async function assumeWithToken(
  { tokenFile, roleARN, sessionName }: WebIdentity,
  endpoint: URL,
): Promise<S3Credentials> {
  const token = await readToken(tokenFile, "the token file");
  const form = {
    Action: "AssumeRoleWithWebIdentity",
    RoleSessionName: sessionName || `strake-${Date.now()}`,
    WebIdentityToken: token,
  };
  return askSTS({ endpoint, roleARN, form, secrets: [token] });
}
