import { afterAll, beforeAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AccessConfig, decodeAccessConfig, Registry } from "../index.ts";
import { compileGlob } from "./glob.ts";

const folder = mkdtempSync(join(tmpdir(), "strake-access-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const htpasswd = join(folder, "htpasswd");
const line = async (name: string, password: string) =>
  `${name}:${await Bun.password.hash(password, { algorithm: "bcrypt", cost: 4 })}\n`;
let users = "";
beforeAll(async () => {
  users = (await line("root", "r")) + (await line("ann", "a")) + (await line("bob", "b"));
  writeFileSync(htpasswd, users);
});

const rules: AccessConfig = {
  htpasswd,
  groups: { team: ["ann"] },
  admins: { users: ["root"] },
  policies: [
    { repositories: ["team/**"], groups: ["team"], actions: ["pull", "push", "delete"] },
    { repositories: ["bob/*"], users: ["bob"], actions: ["pull", "push"] },
    { repositories: ["public/*"], anonymous: true, actions: ["pull"] },
    { repositories: ["public/*"], groups: ["team"], actions: ["push"] },
  ],
  immutableTags: [{ repositories: ["team/**"], tags: ["v*"] }],
};
const basic = (name: string, password: string) => ({ authorization: `Basic ${btoa(`${name}:${password}`)}` });
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const ann = basic("ann", "a");
const bob = basic("bob", "b");
const root = basic("root", "r");
const digestOf = (content: string) => `sha256:${createHash("sha256").update(content).digest("hex")}`;
const get = (registry: Registry, path: string, headers = {}) => fetch(registry.url.href + path, { headers });
const pushBlob = (registry: Registry, repository: string, content: string, headers = {}) =>
  fetch(`${registry.url}v2/${repository}/blobs/uploads/?digest=${digestOf(content)}`, {
    method: "POST",
    body: content,
    headers,
  });
async function pushImage(
  registry: Registry,
  target: { repository: string; tag: string },
  headers = {},
  note = "",
) {
  const { repository, tag } = target;
  await pushBlob(registry, repository, "{}", headers);
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const config = { mediaType: "application/vnd.oci.image.config.v1+json", digest: digestOf("{}"), size: 2 };
  const body = JSON.stringify({ schemaVersion: 2, mediaType, config, layers: [], annotations: { note } });
  const url = `${registry.url}v2/${repository}/manifests/${tag}`;
  return fetch(url, { method: "PUT", body, headers: { ...headers, "Content-Type": mediaType } });
}

test("without rules only this machine is served", async () => {
  await expect(Registry.start({ hostname: "0.0.0.0" })).rejects.toMatchObject({ code: "REGISTRY_OPEN" });
  await using registry = await Registry.start({ hostname: "0.0.0.0", open: true });
  expect(registry.port).toBeGreaterThan(0);
});

test("policies by user and group, anonymous pull, a catalog of what may be pulled", async () => {
  await using registry = await Registry.start({ rules });
  const nobody = await get(registry, "v2/");
  expect([nobody.status, nobody.headers.get("www-authenticate")]).toEqual([
    401,
    expect.stringContaining("Basic"),
  ]);
  expect((await get(registry, "v2/", basic("ann", "x"))).status).toBe(401);
  expect((await get(registry, "v2/", basic("eve", "a"))).status).toBe(401);
  expect((await get(registry, "v2/", ann)).status).toBe(200);
  for (const repository of ["team/x/y", "public/x"])
    expect((await pushImage(registry, { repository, tag: "a" }, ann)).status).toBe(201);
  expect((await pushImage(registry, { repository: "team/x", tag: "a" }, bob)).status).toBe(403);
  expect((await pushImage(registry, { repository: "public/x", tag: "b" })).status).toBe(401);
  expect((await get(registry, "v2/public/x/manifests/a")).status).toBe(200);
  expect((await get(registry, "v2/public/x/manifests/a", basic("", ""))).status).toBe(200);
  expect((await get(registry, "v2/team/x/y/manifests/a")).status).toBe(401);
  expect(await (await get(registry, "v2/_catalog", bob)).json()).toEqual({ repositories: ["public/x"] });
  expect(await (await get(registry, "v2/_catalog", ann)).json()).toEqual({
    repositories: ["public/x", "team/x/y"],
  });
  expect((await get(registry, "metrics", ann)).status).toBe(403);
  expect((await get(registry, "metrics", root)).status).toBe(200);
  const mount = `v2/bob/x/blobs/uploads/?mount=${digestOf("{}")}`;
  for (const from of ["&from=team/x/y", ""])
    expect((await fetch(registry.url + mount + from, { method: "POST", headers: bob })).status).toBe(202);
});

test("an immutable tag neither moves nor goes", async () => {
  await using registry = await Registry.start({ rules });
  const target = { repository: "team/x", tag: "v1" };
  expect((await pushImage(registry, target, ann)).status).toBe(201);
  expect((await pushImage(registry, target, ann)).status).toBe(201);
  expect((await pushImage(registry, target, ann, "other")).status).toBe(403);
  const url = `${registry.url}v2/team/x/manifests/v1`;
  expect((await fetch(url, { method: "DELETE", headers: ann })).status).toBe(403);
});

test("a changed password file holds at once", async () => {
  const own = join(folder, "changing");
  writeFileSync(own, await line("ann", "old"));
  await using registry = await Registry.start({ rules: { htpasswd: own } });
  expect((await get(registry, "v2/", basic("ann", "old"))).status).toBe(200);
  writeFileSync(own, `${await line("ann", "new")}# changed\n`);
  expect((await get(registry, "v2/", basic("ann", "old"))).status).toBe(401);
  expect((await get(registry, "v2/", basic("ann", "new"))).status).toBe(200);
});

test("limits: requests, and wrong passwords", async () => {
  const rateLimit = { requests: 2, seconds: 3600 };
  await using registry = await Registry.start({
    rules: { ...rules, rateLimit, loginLimit: { failures: 2, seconds: 3600 } },
  });
  const answers = [];
  for (let i = 0; i < 3; i++) answers.push(await get(registry, "v2/", ann));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
  expect(Number(answers[2]!.headers.get("retry-after"))).toBeGreaterThan(0);
  const guesses = await Promise.all(
    [1, 2, 3, 4].map((guess) => get(registry, "v2/", basic("bob", `${guess}`))),
  );
  expect(guesses.map(({ status }) => status).sort()).toEqual([401, 401, 429, 429]);
});

test("behind a proxy that is trusted each client has its own limit, and its own address in the log", async () => {
  const limited = { rateLimit: { requests: 1, seconds: 3600 } };
  const ask = (registry: Registry, forwarded: string) =>
    get(registry, "v2/", { "X-Forwarded-For": forwarded }).then(({ status }) => status);
  const seen: string[] = [];
  {
    await using registry = await Registry.start({
      rules: limited,
      trustedProxies: ["127.0.0.0/8"],
      log: ({ remote }) => seen.push(remote),
    });
    const [one, other] = ["198.51.100.1", "192.0.2.7"];
    expect(await ask(registry, one)).toBe(200);
    expect(await ask(registry, one)).toBe(429);
    expect(await ask(registry, other)).toBe(200);
    expect(await ask(registry, `${one}, ${other}`)).toBe(429);
    expect(seen).toEqual([one, one, other, other]);
  }
  await using registry = await Registry.start({ rules: limited });
  expect([await ask(registry, "198.51.100.1"), await ask(registry, "192.0.2.7")]).toEqual([200, 429]);
  const wrong = Registry.start({ trustedProxies: ["10.0.0.0/33"] });
  await expect(wrong).rejects.toMatchObject({
    code: "USAGE",
    message: expect.stringContaining("10.0.0.0/33"),
  });
});

test("a mount is one request to the limit, however many repositories it asks about", async () => {
  await using registry = await Registry.start({ rules: { rateLimit: { requests: 5, seconds: 3600 } } });
  const call = (path: string, body?: string) => fetch(`${registry.url}v2/${path}`, { method: "POST", body });
  const digest = `sha256:${new Bun.CryptoHasher("sha256").update("x").digest("hex")}`;
  expect((await call(`a/blobs/uploads/?digest=${digest}`, "x")).status).toBe(201);
  for (const name of ["b", "c", "d", "e"])
    expect((await call(`${name}/blobs/uploads/?mount=${digest}&from=a`)).status).toBe(201);
  expect((await call(`f/blobs/uploads/?mount=${digest}&from=a`)).status).toBe(429);
});

test("clients of a proxy that ends TLS are sent to the token server by TLS; nobody else is believed about it", async () => {
  const realmOf = async (registry: Registry, headers: Record<string, string>) =>
    /realm="([^"]*)"/.exec((await get(registry, "v2/", headers)).headers.get("www-authenticate") ?? "")?.[1];
  const forwarded = { Host: "registry.example:8443", "X-Forwarded-Proto": "https" };
  const token = { rules: { ...rules, token: {} } };
  {
    await using registry = await Registry.start({ ...token, trustedProxies: ["127.0.0.1"] });
    expect(await realmOf(registry, forwarded)).toBe("https://registry.example:8443/token");
    expect(await realmOf(registry, {})).toBe(`${registry.url}token`);
  }
  await using registry = await Registry.start(token);
  expect(await realmOf(registry, forwarded)).toBe("http://registry.example:8443/token");
});

for (const algorithm of ["ES256", "EdDSA"] as const)
  test(`${algorithm} tokens: challenge, scopes, refresh, forgeries`, async () => {
    await using registry = await Registry.start({ rules: { ...rules, token: { algorithm } } });
    const challenge = (await get(registry, "v2/team/x/manifests/a")).headers.get("www-authenticate");
    expect(challenge).toBe(
      `Bearer realm="${registry.url}token",service="strake",scope="repository:team/x:pull"`,
    );
    const scope = "scope=repository:team/v2:pull,push&scope=repository:bob/x:pull";
    const answer = await get(registry, `token?service=strake&offline_token=true&${scope}`, ann);
    const { token, refresh_token: refresh, scope: granted } = (await answer.json()) as Record<string, string>;
    expect(granted).toBe("repository:team/v2:pull,push");
    expect((await pushImage(registry, { repository: "team/v2", tag: "a" }, bearer(token!))).status).toBe(201);
    const other = await get(registry, "v2/team/x/manifests/a", bearer(token!));
    expect([other.status, other.headers.get("www-authenticate")]).toEqual([
      401,
      expect.stringContaining('error="insufficient_scope"'),
    ]);
    // What is no token any more is asked to be replaced by one for the same.
    const ended = await get(registry, "v2/team/x/manifests/a", bearer(`${token}x`));
    expect([ended.status, ended.headers.get("www-authenticate")]).toEqual([
      401,
      `Bearer realm="${registry.url}token",service="strake",scope="repository:team/x:pull",error="invalid_token"`,
    ]);
    expect((await get(registry, "v2/bob/x/manifests/a", bearer(token!))).status).toBe(403);
    expect((await get(registry, "v2/", bearer(refresh!))).status).toBe(401);
    expect((await get(registry, "token", basic("ann", "x"))).status).toBe(401);
    const form = (body: Record<string, string>) =>
      fetch(`${registry.url}token`, { method: "POST", body: new URLSearchParams(body) });
    expect((await form({ grant_type: "refresh_token", refresh_token: refresh! })).status).toBe(200);
    expect((await form({ grant_type: "refresh_token", refresh_token: token! })).status).toBe(401);
    expect((await form({ grant_type: "password", username: "ann", password: "a" })).status).toBe(200);

    const [head, body, signature] = token!.split(".") as [string, string, string];
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const header = JSON.parse(Buffer.from(head, "base64url").toString());
    const claims = JSON.parse(Buffer.from(body, "base64url").toString());
    const pair = (await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, [
      "sign",
      "verify",
    ])) as CryptoKeyPair;
    const jwk = await crypto.subtle.exportKey("jwk", pair.publicKey);
    const own = `${encode({ ...header, alg: "ES256", jwk })}.${body}`;
    const use = { name: "ECDSA", hash: "SHA-256" };
    const signed = await crypto.subtle.sign(use, pair.privateKey, new TextEncoder().encode(own));
    for (const forged of [
      `${own}.${Buffer.from(signed).toString("base64url")}`,
      `${encode({ ...header, alg: "none" })}.${body}.`,
      `${head}.${encode({ ...claims, sub: "root" })}.${signature}`,
    ])
      expect((await get(registry, "v2/", bearer(forged))).status).toBe(401);
  });

test("robots: made by an administrator, scoped, revoked", async () => {
  await using registry = await Registry.start({ rules });
  const scopes = [{ repositories: ["bob/*"], actions: ["pull", "push"] }];
  const make = (headers: Record<string, string>, body: object) =>
    fetch(`${registry.url}api/robots`, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  expect((await make(ann, { name: "ci", scopes })).status).toBe(403);
  expect((await make(root, { name: "ci", scopes: [{ repositories: ["x"], actions: ["fly"] }] })).status).toBe(
    400,
  );
  const made = await make(root, { name: "ci", scopes });
  const { username, secret } = (await made.json()) as { username: string; secret: string };
  expect((await make(root, { name: "ci", scopes })).status).toBe(409);
  const robot = basic(username, secret);
  expect((await pushBlob(registry, "bob/x", "z", robot)).status).toBe(201);
  expect((await pushBlob(registry, "team/x", "z", robot)).status).toBe(403);
  expect((await get(registry, "v2/", basic(username, "wrong"))).status).toBe(401);
  expect(await (await get(registry, "api/robots", root)).text()).not.toContain(secret);
  await fetch(`${registry.url}api/robots/ci`, { method: "DELETE", headers: root });
  expect((await get(registry, "v2/", robot)).status).toBe(401);
});

test("rules are checked, and the error names the place", () => {
  const wrong = (value: unknown) => {
    try {
      decodeAccessConfig(value);
    } catch (error) {
      return (error as Error).message;
    }
  };
  const policy = { repositories: ["**"], actions: ["push"], anonymous: true };
  expect(wrong({ policies: [policy] })).toContain("policies[0]: without a password one may only pull");
  expect(wrong({ policys: [] })).toContain("policys: there is no such setting");
  expect(wrong({ policies: [{ ...policy, actions: ["fly"] }] })).toContain("policies[0].actions[0]");
});

test("patterns", () => {
  expect(["a/b", "a/b/c", "a"].map(compileGlob("a/*"))).toEqual([true, false, false]);
  expect(["a/b", "a/b/c", "ab"].map(compileGlob("a/**"))).toEqual([true, true, false]);
  expect(["v1", "v", "xv1"].map(compileGlob("v?"))).toEqual([true, false, false]);
  expect(compileGlob("*a*a*a*a*a*a*a*a*b")("a".repeat(255))).toBe(false);
});

const crane = "/tmp/gotools/bin/crane";
const skopeo = Bun.which("skopeo");
if (!skopeo) console.log("skipped: skopeo is not installed");
if (!existsSync(crane)) console.log("skipped: crane is not installed");
for (const token of [undefined, {}])
  test(`skopeo and crane log in and copy (${token ? "tokens" : "basic"})`, async () => {
    await using registry = await Registry.start({ rules: { ...rules, token } });
    await pushImage(registry, { repository: "team/x", tag: "a" }, ann);
    const env = { ...process.env, DOCKER_CONFIG: folder, REGISTRY_AUTH_FILE: join(folder, "auth.json") };
    const run = async (...command: string[]) => {
      const child = Bun.spawn(command, { env, stdout: "pipe", stderr: "pipe" });
      const said = await new Response(child.stderr).text();
      return (await child.exited) === 0 ? "" : said || "failed";
    };
    const { host } = registry;
    if (skopeo) {
      const login = (password: string) =>
        run(skopeo, "login", "--tls-verify=false", "-u", "ann", "-p", password, host);
      expect(await login("wrong")).not.toBe("");
      expect(await login("a")).toBe("");
      const copy = ["copy", "--src-tls-verify=false", "--dest-tls-verify=false", `docker://${host}/team/x:a`];
      expect(await run(skopeo, ...copy, `docker://${host}/team/y:a`)).toBe("");
      expect(await run(skopeo, ...copy, `docker://${host}/bob/y:a`)).not.toBe("");
    }
    if (existsSync(crane)) {
      expect(await run(crane, "auth", "login", host, "-u", "ann", "-p", "a")).toBe("");
      expect(await run(crane, "--insecure", "copy", `${host}/team/x:a`, `${host}/team/z:a`)).toBe("");
    }
  });
