import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  deleteRemote,
  listRepositories,
  login,
  resolveRemote,
  sendArtifact,
} from "../../src/engine/index.ts";
import { serve } from "../../src/registry/client/fake-registry.test-support.ts";
import { Keychain } from "../../src/registry/client/index.ts";
import { type AccessConfig, Registry } from "../../src/registry/server/index.ts";
import { pushImage } from "../support/push-image.ts";
import { told as toldOf } from "../support/told.ts";
import { userEnv } from "../support/user-env.ts";

const home = mkdtempSync(join(tmpdir(), "strake-client-refusals-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const secret = "hunter2-s3cret";
let homes = 0;

/** The environment of a user with these logins. */
async function user(
  host: string,
  credentials?: { readonly username: string; readonly password: string },
): Promise<Record<string, string | undefined>> {
  const env = userEnv(join(home, String(homes++)));
  if (credentials) await new Keychain(env).store(host, credentials);
  return env;
}

/** What a person reads: never a secret. */
async function told(work: Promise<unknown>, host: string): Promise<{ code: string; text: string }> {
  const { code, text } = await toldOf(work, host);
  expect(text).not.toContain(secret);
  return { code, text };
}

const kinds = { basic: {}, token: { token: {} } } satisfies Record<string, AccessConfig>;

describe.each(Object.keys(kinds) as (keyof typeof kinds)[])("a registry with %s logins", (kind) => {
  let registry: Registry;
  let host: string;
  beforeAll(async () => {
    const htpasswd = join(home, `users-${kind}`);
    const hash = await Bun.password.hash(secret, { algorithm: "bcrypt", cost: 4 });
    writeFileSync(htpasswd, `ann:${hash}\nroot:${hash}\n`);
    registry = await Registry.start({
      rules: {
        ...{ htpasswd, admins: { users: ["root"] }, ...kinds[kind] },
        policies: [{ users: ["ann"], repositories: ["team/**"], actions: ["pull"] }],
        immutableTags: [{ repositories: ["fixed/**"], tags: ["v*"] }],
        quotas: [{ repositories: ["small/**"], maxBytes: 10 }],
      },
    });
    host = new URL(registry.url).host;
    const authorization = `Basic ${Buffer.from(`root:${secret}`).toString("base64")}`;
    await pushImage(registry.url, "team/app:1", { headers: { authorization } });
  });
  afterAll(async () => await registry.stop());

  test("nobody is logged in", async () => {
    const { code, text } = await told(resolveRemote(`${host}/team/app:1`, { env: await user(host) }), host);
    expect(code).toBe("REGISTRY_UNAUTHORIZED");
    expect(text).toStartWith(
      "error: HOST wants a login to pull from HOST/team/app, and none for it is kept here",
    );
    expect(text).toEndWith("hint: it is private, or does not exist; log in: strake login HOST");
  });

  test("the password is wrong", async () => {
    const env = await user(host, { username: "ann", password: `${secret}-old` });
    const { code, text } = await told(resolveRemote(`${host}/team/app:1`, { env }), host);
    expect(code).toBe("REGISTRY_UNAUTHORIZED");
    expect(text).toStartWith("error: HOST refused the user name or password of ann");
    const file = join(env.HOME!, ".docker/config.json");
    expect(text).toEndWith(`; it is kept in ${file}; log in again: strake login HOST`);
  });

  test("login with a wrong password says so, and keeps nothing", async () => {
    const env = await user(host);
    const { text } = await told(login(host, { username: "ann", password: `${secret}-old` }, { env }), host);
    expect(text).toStartWith("error: HOST refused the user name or password of ann");
    expect(await new Keychain(env).find(host)).toBeUndefined();
  });

  test("a login that may not do it: who, what and where", async () => {
    const env = await user(host, { username: "ann", password: secret });
    expect((await resolveRemote(`${host}/team/app:1`, { env })).digest).toStartWith("sha256:");
    const pull = await told(resolveRemote(`${host}/other/app:1`, { env }), host);
    expect(pull.code).toBe("REGISTRY_DENIED");
    expect(pull.text).toStartWith("error: HOST does not let ann pull from HOST/other/app");
    expect(pull.text).toEndWith(
      "hint: its administrator decides who may; as somebody else: strake login HOST",
    );
    const artifact = { artifactType: "text/x-note", files: [] };
    const push = await told(sendArtifact(`${host}/team/app:2`, artifact, { env }), host);
    expect(push.text).toStartWith("error: HOST does not let ann push to HOST/team/app");
    const gone = await told(deleteRemote(`${host}/team/app:1`, { env }), host);
    expect(gone.text).toStartWith("error: HOST does not let ann delete from HOST/team/app");
  });

  test("a rule that is about the content and not about who asks: no other login is offered", async () => {
    const env = await user(host, { username: "root", password: secret });
    const send = (target: string, type: string) =>
      sendArtifact(target, { artifactType: type, files: [] }, { env });
    await send(`${host}/fixed/app:v1`, "text/x-one");
    const moved = await told(send(`${host}/fixed/app:v1`, "text/x-two"), host);
    expect([moved.code, moved.text]).toEqual([
      "REGISTRY_DENIED",
      expect.stringContaining("the tag v1 is immutable"),
    ]);
    const full = await told(send(`${host}/small/app:1`, "text/x-one"), host);
    expect([full.code, full.text]).toEqual([
      "REGISTRY_DENIED",
      expect.stringContaining("the quota of the repository"),
    ]);
    for (const { text } of [moved, full]) {
      expect(text).toStartWith("error: HOST refused ");
      expect(text).toEndWith(
        "hint: that is a rule of the registry, whoever asks: another login does not help",
      );
    }
  });

  test("a token kept as a user name is not shown", async () => {
    const token = `ghp_${"x".repeat(30)}`;
    const env = await user(host, { username: token, password: secret });
    const { text } = await told(resolveRemote(`${host}/team/app:1`, { env }), host);
    expect(text).toStartWith("error: HOST refused the user name or password of this login");
    expect(text).not.toContain("ghp_");
  });

  test("the catalog", async () => {
    const names = Array.fromAsync(listRepositories(host, { env: await user(host) }));
    const { text } = await told(names, host);
    expect(text).toStartWith(
      "error: HOST wants a login to list its repositories, and none for it is kept here",
    );
  });
});

test("login where no registry is", async () => {
  using server = await serve((_, response) => void response.writeHead(404).end("<html>"));
  const { host } = server;
  const { code, text } = await told(
    login(host, { username: "ann", password: secret }, { env: await user(host) }),
    host,
  );
  expect(code).toBe("REGISTRY_NOT_FOUND");
  expect(text).toStartWith("error: HOST answers, but not as a registry does: /v2/ is not there\nhint: ");
});

describe("tokens that are kept", () => {
  const jwt = (exp: number) =>
    ["{}", JSON.stringify({ exp }), "signature"]
      .map((part) => Buffer.from(part).toString("base64url"))
      .join(".");

  /** A registry whose token server takes no refresh token any more (RFC 6749, 5.2). */
  const refusing = () =>
    serve((request, response) => {
      const realm = `http://${request.headers.host}/token`;
      if (request.url!.startsWith("/token")) response.writeHead(400).end('{"error":"invalid_grant"}');
      else response.writeHead(401, { "www-authenticate": `Bearer realm="${realm}"` }).end();
    });

  test.each([
    ["of its own word", jwt(1_700_000_000), "the login for HOST ended at 2023-11-14T22:13Z"],
    [
      "opaque",
      "opaque-refresh",
      "HOST does not take the login kept for it any more: it has ended or was withdrawn",
    ],
  ])("a refresh token that has ended, %s", async (_, token, message) => {
    using server = await refusing();
    const { host } = server;
    const credentials = { kind: "refresh", token } as const;
    const { code, text } = await told(
      resolveRemote(`${host}/a:1`, { env: await user(host), credentials }),
      host,
    );
    expect(code).toBe("REGISTRY_UNAUTHORIZED");
    expect(text).toStartWith(`error: ${message}`);
    expect(text).toEndWith("hint: log in again: strake login HOST");
    expect(text).not.toContain(token);
  });
});

describe("a registry whose token server gives tokens that do not help", () => {
  const ann = { kind: "basic", username: "ann", password: secret } as const;

  test.each([
    // As Docker Hub says of what is private and of what does not exist.
    [
      "insufficient_scope",
      undefined,
      "REGISTRY_UNAUTHORIZED",
      "HOST wants a login to pull from HOST/a, and none for it is kept here",
    ],
    ["insufficient_scope", ann, "REGISTRY_DENIED", "HOST does not let ann pull from HOST/a"],
    [
      "invalid_token",
      ann,
      "REGISTRY_UNAUTHORIZED",
      "HOST does not take the token that its own token server gave ann",
    ],
  ])("%s", async (fault, credentials, code, message) => {
    using server = await serve((request, response) => {
      if (request.url!.startsWith("/token")) return void response.end('{"token":"t"}');
      const realm = `http://${request.headers.host}/token`;
      const error = request.headers.authorization === undefined ? "" : `,error="${fault}"`;
      response.writeHead(401, { "www-authenticate": `Bearer realm="${realm}"${error}` }).end();
    });
    const { host } = server;
    const asked = resolveRemote(`${host}/a:1`, {
      env: await user(host),
      ...(credentials ? { credentials } : {}),
    });
    const refused = await told(asked, host);
    expect(refused.code).toBe(code);
    expect(refused.text).toStartWith(`error: ${message}`);
  });
});
