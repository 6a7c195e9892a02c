import type { S3Credentials } from "../s3-sign.ts";
import { unescapeXML } from "../s3-xml.ts";
import { decodeExpiration } from "./decode.ts";
import { errorText } from "./error-text.ts";
import type { Environment } from "./source.ts";

const within = 10_000;
const attempts = 3;

/** Where STS is: as the environment says (MinIO's is MinIO itself), else AWS's in a region. */
export function stsEndpoint(env: Environment, region: string): URL {
  const named = env.AWS_ENDPOINT_URL_STS || env.AWS_ENDPOINT_URL || undefined;
  const text = named ?? `https://sts.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}`;
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol))
    throw new Error(`the address of STS is no http address: ${JSON.stringify(text)}`);
  return url;
}

export interface RoleQuestion {
  readonly endpoint: URL;
  readonly roleARN: string;
  /** The parameters of the action, without its name's version. */
  readonly form: Readonly<Record<string, string>>;
  /** Headers for a body, made anew for each attempt. */
  readonly headers?: (body: string) => Readonly<Record<string, string>>;
  /** What must not be in an error, whatever STS says. */
  readonly secrets: readonly string[];
}

/** Credentials of a role, by one of STS's actions that give them. */
export async function askSTS({
  endpoint,
  roleARN,
  form,
  headers,
  secrets,
}: RoleQuestion): Promise<S3Credentials> {
  const body = new URLSearchParams({ Version: "2011-06-15", ...form, RoleArn: roleARN }).toString();
  for (let attempt = 1; ; attempt++) {
    const { status, text } = await post(endpoint, { body, headers: headers?.(body) });
    if (status === 200) return decodeRole(text, `the role ${roleARN}`);
    const isPassing = status >= 500 || status === 429 || text.includes("<Code>IDPCommunicationError<");
    if (!isPassing || attempt === attempts)
      throw new Error(
        `STS at ${endpoint.host} answered ${status} for ${roleARN} ${errorText(text, secrets)}`.trim(),
      );
    await Bun.sleep(100 * 2 ** attempt);
  }
}

export const formType = "application/x-www-form-urlencoded";

async function post(
  endpoint: URL,
  { body, headers = {} }: { body: string; headers?: Readonly<Record<string, string>> },
): Promise<{ status: number; text: string }> {
  try {
    const answer = await fetch(endpoint, {
      ...{ method: "POST", body, redirect: "error", signal: AbortSignal.timeout(within) },
      headers: { "content-type": formType, ...headers },
    });
    return { status: answer.status, text: await answer.text() };
  } catch (cause) {
    throw new Error(`STS at ${endpoint.host} cannot be reached: ${(cause as Error).message}`);
  }
}

function decodeRole(xml: string, source: string): S3Credentials {
  const field = (name: string) =>
    unescapeXML(new RegExp(`<${name}>\\s*([^<]*?)\\s*</${name}>`).exec(xml)?.[1] ?? "");
  const [accessKeyId, secretAccessKey] = [field("AccessKeyId"), field("SecretAccessKey")];
  if (!accessKeyId || !secretAccessKey)
    throw new Error("the answer of STS has no AccessKeyId and SecretAccessKey");
  const sessionToken = field("SessionToken") || undefined;
  return {
    accessKeyId,
    secretAccessKey,
    sessionToken,
    expiration: decodeExpiration(field("Expiration")),
    source,
  };
}
