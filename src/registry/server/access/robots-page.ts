import { StrakeError } from "../../../errors/index.ts";
import { configError, items, members, required, seconds, text } from "../config/value.ts";
import type { IncomingRequest } from "../http/request.ts";
import { readManifestBody } from "../manifest-body.ts";
import { Refusal } from "../protocol/refusal.ts";
import { jsonAnswer } from "../protocol/text-answer.ts";
import { decodeScope } from "./decode-config.ts";
import { type Robots, robotName, robotPrefix } from "./robots.ts";

const standardLifetime = 90 * 24 * 3600;

/**
 * Robots for administrators: GET /api/robots, POST /api/robots with `{"name", "scopes", "lifetime"?}` (seconds; 90 days
 * when absent), DELETE /api/robots/NAME. Throws a `Refusal`.
 */
export async function answerRobots(
  robots: Robots,
  request: IncomingRequest,
  { path, actor }: { path: string; actor: string | undefined },
): Promise<Response> {
  const name = path.slice("/api/robots/".length);
  if (request.method === "DELETE" && robotName.test(name)) {
    if (await robots.revoke(name)) return new Response(null, { status: 204 });
    throw new Refusal("NAME_UNKNOWN", "there is no such robot");
  }
  if (request.method === "GET" && name === "") return jsonAnswer({ robots: await robots.list() });
  if (request.method !== "POST" || name !== "") throw new Refusal("UNSUPPORTED", "robots are not changed so");
  // A page of another origin cannot send this type without being asked first: a browser that knows an administrator's
  // password is not made to make robots.
  if (!request.headers.get("content-type")?.startsWith("application/json"))
    throw new Refusal("UNSUPPORTED", "a robot is described in application/json", { status: 415 });
  const { scopes, lifetime, ...described } = describe(await readManifestBody(request));
  const expiresAt = Date.now() + lifetime * 1000;
  try {
    const { robot, secret } = await robots.create({ ...described, scopes, expiresAt, createdBy: actor });
    const made = { ...robot, username: robotPrefix + robot.name, secret };
    return jsonAnswer(made, { status: 201, headers: { "Cache-Control": "no-store" } });
  } catch (error) {
    if (!(error instanceof StrakeError && error.code === "OBJECT_CHANGED")) throw error;
    throw new Refusal("DENIED", "there is a robot of this name already", { status: 409 });
  }
}

function describe(body: Uint8Array) {
  try {
    const root = { value: JSON.parse(new TextDecoder().decode(body)) as unknown, path: "" };
    const found = members(root, ["name", "scopes", "lifetime"]);
    const scopes = items(required(root, "scopes", found.scopes)).map(decodeScope);
    if (scopes.length === 0) throw configError("scopes", "a robot without rights is of no use");
    return {
      name: text(required(root, "name", found.name), robotName, "a robot's name"),
      scopes,
      lifetime: found.lifetime ? seconds(found.lifetime) : standardLifetime,
    };
  } catch (error) {
    if (error instanceof StrakeError) throw new Refusal("UNSUPPORTED", error.message, { status: 400 });
    throw new Refusal("UNSUPPORTED", "this is not JSON", { status: 400 });
  }
}
