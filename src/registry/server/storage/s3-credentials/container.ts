import { isLoopback } from "../../access/loopback.ts";
import { ask } from "./ask.ts";
import { decodeCredentials } from "./decode.ts";
import { errorText } from "./error-text.ts";
import type { Environment, Source } from "./source.ts";
import { readToken } from "./token-file.ts";

/** Where agents of ECS and of EKS answer, beside the machine itself. */
const agents = new Set(["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"]);

/** Where the credentials of a container are; undefined when nobody says so. Throws for a host to which a token would go in the clear. */
export function containerURL(env: Environment): URL | undefined {
  const { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: path, AWS_CONTAINER_CREDENTIALS_FULL_URI: full } = env;
  if (path) {
    const url = URL.parse(`http://169.254.170.2${path}`);
    if (!path.startsWith("/") || url?.hostname !== "169.254.170.2")
      throw new Error("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is no path");
    return url;
  }
  if (!full) return undefined;
  const url = URL.parse(full);
  if (!url || !/^https?:$/.test(url.protocol))
    throw new Error("AWS_CONTAINER_CREDENTIALS_FULL_URI is no http address");
  const { protocol, hostname } = url;
  const isHere = hostname === "[::1]" || isLoopback(hostname);
  if (protocol === "https:" || isHere || agents.has(hostname)) return url;
  throw new Error(
    `AWS_CONTAINER_CREDENTIALS_FULL_URI leads to ${hostname} without TLS; that may be this machine (localhost, 127.*, [::1]) or an agent of ECS or EKS (${[...agents].join(", ")})`,
  );
}

/** ECS tasks, pods of EKS Pod Identity, and whoever speaks as they do: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or FULL_URI. */
export function fromContainer(env: Environment): Source {
  return {
    name: "the container",
    async find() {
      const url = containerURL(env);
      if (!url) return { absent: "AWS_CONTAINER_CREDENTIALS_FULL_URI and RELATIVE_URI are not set" };
      const token = await tokenOf(env);
      const headers: Record<string, string> = { accept: "application/json" };
      if (token) headers.authorization = token;
      const { status, text } = await ask(url, { headers, within: 2000, attempts: 3 });
      if (status !== 200)
        throw new Error(`${url.host} answered ${status} ${errorText(text, [token])}`.trim());
      return { credentials: decodeCredentials(text, `the container's role, of ${url.host}`) };
    },
  };
}

async function tokenOf(env: Environment): Promise<string> {
  const file = env.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE;
  if (file) return readToken(file, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  const token = env.AWS_CONTAINER_AUTHORIZATION_TOKEN ?? "";
  if (!/^[\x20-\x7e]*$/.test(token))
    throw new Error("AWS_CONTAINER_AUTHORIZATION_TOKEN is not one line of text");
  return token;
}
