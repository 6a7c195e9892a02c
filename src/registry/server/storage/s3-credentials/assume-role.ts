import { type S3Credentials, sha256Hex, signRequest } from "../s3-sign.ts";
import { askSTS, formType } from "./sts.ts";

export interface Role {
  readonly roleARN: string;
  readonly sessionName?: string;
  readonly externalId?: string;
  /** Seconds. */
  readonly duration?: string;
}

/** STS AssumeRole, signed by who may take the role. */
export async function assumeRole(
  { roleARN, sessionName, externalId, duration }: Role,
  { endpoint, region, credentials }: { endpoint: URL; region: string; credentials: S3Credentials },
): Promise<S3Credentials> {
  const form = {
    Action: "AssumeRole",
    RoleSessionName: sessionName || `strake-${Date.now()}`,
    ...(externalId ? { ExternalId: externalId } : {}),
    ...(duration ? { DurationSeconds: duration } : {}),
  };
  const headers = (body: string) => {
    const parts = {
      ...{ method: "POST", path: endpoint.pathname, query: "", payload: sha256Hex(body) },
      headers: { host: endpoint.host, "content-type": formType },
    };
    return signRequest(parts, { credentials, region, service: "sts", now: new Date() });
  };
  const secrets = [credentials.secretAccessKey, credentials.sessionToken ?? ""];
  return askSTS({ endpoint, roleARN, form, headers, secrets });
}
