import { isSigned } from "./aws-signature.ts";

/** What one service was asked, in order: `imds token`, `imds roles`, `imds role`, `container`, `AssumeRole`, `AssumeRoleWithWebIdentity`. */
export type Asked = string;

export interface AWSServices extends AsyncDisposable {
  readonly endpoint: string;
  readonly asked: Asked[];
  /** Session tokens that were given, the newest last. */
  readonly issued: string[];
  /** Whether a session token still holds. */
  holds(token: string): boolean;
  /** Ends every session at once, before its time. */
  endAll(): void;
  /** Milliseconds that sessions last from now on. */
  lifetime: number;
  /** The JSON Web Token that STS takes, and the token that the container's agent wants. */
  identity: string;
  /** Answers in place of the usual ones, by what is asked. */
  readonly instead: Map<Asked, () => Response | Promise<Response>>;
}

export const roleName = "registry-role";
export const roleARN = "arn:aws:iam::123456789012:role/registry";

/**
 * IMDSv2, the agent of containers and STS on one port of 127.0.0.1, as strict as the real ones: a session with IMDS is needed and begun by PUT, AssumeRole
 * is signed. All give the same keys, with a session token and an end of their own.
 */
export function startAWSServices(keys: { accessKeyId: string; secretAccessKey: string }): AWSServices {
  const sessions = new Set<string>();
  const ends = new Map<string, number>();
  const services = {
    asked: [] as Asked[],
    issued: [] as string[],
    lifetime: 3_600_000,
    identity: "header.claims.signature",
    instead: new Map<Asked, () => Response | Promise<Response>>(),
  };
  const issue = () => {
    const token = `session/token+${crypto.randomUUID()}==`;
    const end = Math.floor((Date.now() + services.lifetime) / 1000) * 1000;
    ends.set(token, Date.now() + services.lifetime);
    services.issued.push(token);
    return { token, expiration: new Date(end).toISOString().replace(".000Z", "Z") };
  };
  const asJSON = () => {
    const { token, expiration } = issue();
    return Response.json({
      ...{ Code: "Success", Type: "AWS-HMAC", LastUpdated: new Date().toISOString() },
      ...{ AccessKeyId: keys.accessKeyId, SecretAccessKey: keys.secretAccessKey },
      ...{ Token: token, Expiration: expiration },
    });
  };
  const asXML = (action: string) => {
    const { token, expiration } = issue();
    return new Response(
      `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${action}Result><Credentials>
      <AccessKeyId>${keys.accessKeyId}</AccessKeyId><SecretAccessKey>${keys.secretAccessKey}</SecretAccessKey>
      <SessionToken>${token}</SessionToken><Expiration>${expiration}</Expiration>
      </Credentials></${action}Result></${action}Response>`,
    );
  };
  const refuse = (status: number, code: string, message: string) =>
    new Response(
      `<ErrorResponse><Error><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`,
      {
        status,
      },
    );
  const answer = async (request: Request, what: Asked): Promise<Response> => {
    services.asked.push(what);
    const other = services.instead.get(what);
    if (other) return other();
    if (what === "imds token") {
      if (!request.headers.get("x-aws-ec2-metadata-token-ttl-seconds"))
        return new Response("", { status: 400 });
      const session = `imds-${crypto.randomUUID()}==`;
      sessions.add(session);
      return new Response(session);
    }
    if (what.startsWith("imds")) {
      const session = request.headers.get("x-aws-ec2-metadata-token") ?? "";
      if (!sessions.has(session)) return new Response("", { status: 401 });
      return what === "imds roles" ? new Response(roleName) : asJSON();
    }
    if (what === "container")
      return request.headers.get("authorization") === services.identity
        ? asJSON()
        : Response.json({ code: "AccessDenied", message: "wrong token" }, { status: 403 });
    const body = await request.text();
    const form = new URLSearchParams(body);
    if (form.get("RoleArn") !== roleARN || !/^[\w+=,.@-]{2,64}$/.test(form.get("RoleSessionName") ?? ""))
      return refuse(400, "ValidationError", "no role");
    if (what === "AssumeRole")
      return isSigned({ request, body, service: "sts" }, keys)
        ? asXML(what)
        : refuse(403, "SignatureDoesNotMatch", "the signature is wrong");
    const token = form.get("WebIdentityToken") ?? "";
    if (token === services.identity) return asXML(what);
    return refuse(400, "InvalidIdentityToken", `the token ${token} is not &quot;valid&quot;`);
  };
  const server = Bun.serve({
    ...{ hostname: "127.0.0.1", port: 0, idleTimeout: 0 },
    fetch: async (request) => {
      const { pathname } = new URL(request.url);
      const roles = "/latest/meta-data/iam/security-credentials/";
      if (request.method === "PUT" && pathname === "/latest/api/token") return answer(request, "imds token");
      if (request.method === "GET" && pathname === roles) return answer(request, "imds roles");
      if (request.method === "GET" && pathname === roles + roleName) return answer(request, "imds role");
      if (request.method === "GET" && pathname === "/container") return answer(request, "container");
      if (request.method === "POST" && pathname === "/") {
        const action = new URLSearchParams(await request.clone().text()).get("Action") ?? "";
        return answer(request, action);
      }
      return new Response("", { status: 404 });
    },
  });
  return Object.assign(services, {
    endpoint: `http://127.0.0.1:${server.port}`,
    holds: (token: string) => (ends.get(token) ?? 0) > Date.now(),
    endAll: () => ends.clear(),
    [Symbol.asyncDispose]: () => server.stop(true),
  });
}
