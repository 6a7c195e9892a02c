import { ask } from "./ask.ts";
import { decodeCredentials } from "./decode.ts";
import { errorText } from "./error-text.ts";
import type { Environment, Source } from "./source.ts";

const roles = "/latest/meta-data/iam/security-credentials/";
/** Seconds that a session with the service lasts; each renewal begins one. */
const session = "300";

/** Where the metadata service of an EC2 instance is. Throws when the environment names a place that is none. */
export function instanceEndpoint(env: Environment): URL {
  const isIPv6 = env.AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE?.toLowerCase() === "ipv6";
  const named = env.AWS_EC2_METADATA_SERVICE_ENDPOINT || undefined;
  const text = named ?? (isIPv6 ? "http://[fd00:ec2::254]" : "http://169.254.169.254");
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol))
    throw new Error(`AWS_EC2_METADATA_SERVICE_ENDPOINT is no http address: ${JSON.stringify(text)}`);
  return url;
}

/** The role of an EC2 instance: IMDSv2 of its metadata service, never version 1, which whoever makes us send a GET could read. */
export function fromInstance(env: Environment): Source {
  return {
    name: "the EC2 instance",
    async find() {
      if (env.AWS_EC2_METADATA_DISABLED?.toLowerCase() === "true")
        return { absent: "AWS_EC2_METADATA_DISABLED" };
      const endpoint = instanceEndpoint(env);
      const begun = await beginSession(endpoint);
      if ("absent" in begun) return begun;
      const get = (path: string) =>
        ask(new URL(path, endpoint), {
          ...{ headers: { "x-aws-ec2-metadata-token": begun.token }, within: 2000, attempts: 3 },
        });
      const listed = await get(roles);
      if (listed.status === 404) return { absent: "the instance has no role" };
      if (listed.status !== 200)
        throw new Error(`${endpoint.host} answered ${listed.status} when asked for its role`);
      const role = listed.text.trim().split("\n")[0] ?? "";
      if (!/^[\w+=,.@-]{1,128}$/.test(role)) throw new Error(`${endpoint.host} names no role`);
      const { status, text } = await get(roles + role);
      const failed = status === 200 ? /"Code"\s*:\s*"(?!Success")/.test(text) : true;
      if (failed) {
        const said = `${endpoint.host} answered ${status} for the role ${role}`;
        throw new Error(`${said} ${errorText(text)}`.trim());
      }
      return { credentials: decodeCredentials(text, `the role ${role} of this EC2 instance`) };
    },
  };
}

/** Without an answer this is no EC2 instance, or a container on one that is too far away. */
async function beginSession(endpoint: URL): Promise<{ token: string } | { absent: string }> {
  const headers = { "x-aws-ec2-metadata-token-ttl-seconds": session };
  try {
    const { status, text } = await ask(new URL("/latest/api/token", endpoint), {
      ...{ method: "PUT", headers, within: 900, attempts: 2 },
    });
    if (status === 200 && /^[\x21-\x7e]+$/.test(text)) return { token: text };
    return { absent: `${endpoint.host} answered ${status}` };
  } catch (error) {
    const { message } = error as Error;
    const isFar = message.includes("no answer within");
    return { absent: isFar ? `${message} (a container on EC2 needs a hop limit of 2)` : message };
  }
}
