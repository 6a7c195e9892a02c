import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pushImage } from "../../../../test/support/push-image.ts";
import { type AccessRecord, Registry, type RegistryOptions } from "../index.ts";
import { ownClock } from "../own-clock.test-support.ts";
import { MemoryStore } from "../storage/memory.ts";
import { htpasswdLine } from "./htpasswd.ts";

const folder = mkdtempSync(join(tmpdir(), "strake-secrets-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const basic = (name: string, password: string) => ({ Authorization: `Basic ${btoa(`${name}:${password}`)}` });

const later = ownClock();

const password = "correct-horse-battery";
async function start(options: RegistryOptions = {}) {
  const htpasswd = join(folder, `users-${crypto.randomUUID()}`);
  writeFileSync(htpasswd, `${await htpasswdLine({ name: "ann", password }, 4)}\n`);
  const everything = { repositories: ["**"], actions: ["pull", "push", "delete"] as const };
  const rules = {
    ...{ htpasswd, token: {}, admins: { users: ["ann"] } },
    policies: [{ ...everything, authenticated: true }],
  };
  return Registry.start({ ...options, rules: { ...rules, ...options.rules } });
}

test("a robot ends when its time is over, and at once when it is revoked, with the tokens it already has", async () => {
  await using registry = await start();
  later(0);
  const scopes = [{ repositories: ["**"], actions: ["pull" as const, "push" as const] }];
  const robots = registry.administration;
  const short = await robots.createRobot({ name: "short", scopes, lifetime: 2 });
  const long = await robots.createRobot({ name: "long", scopes, lifetime: 3600 });
  const status = async (headers: Record<string, string>) =>
    (await fetch(`${registry.url}v2/`, { headers })).status;
  const tokenOf = async ({ username, secret }: typeof long) => {
    const url = `${registry.url}token?service=strake&scope=repository:a:pull&offline_token=true`;
    const answer = await fetch(url, { headers: basic(username, secret) });
    return (await answer.json()) as { token: string; refresh_token: string };
  };
  const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
  const [shortTokens, longTokens] = [await tokenOf(short), await tokenOf(long)];
  for (const robot of [short, long]) expect(await status(basic(robot.username, robot.secret))).toBe(200);
  for (const { token } of [shortTokens, longTokens]) expect(await status(bearer(token))).toBe(200);
  later(2100);
  expect(await status(basic(short.username, short.secret))).toBe(401);
  expect(await status(bearer(shortTokens.token))).toBe(401);
  expect(await status(bearer(longTokens.token))).toBe(200);
  await robots.revokeRobot("long");
  expect(await status(basic(long.username, long.secret))).toBe(401);
  expect(await status(bearer(longTokens.token))).toBe(401);
  const refresh = (token: string) =>
    fetch(`${registry.url}token`, {
      method: "POST",
      body: new URLSearchParams({ grant_type: "refresh_token", refresh_token: token }),
    });
  for (const tokens of [shortTokens, longTokens])
    expect((await refresh(tokens.refresh_token)).status).toBe(401);
  // A robot of the same name is another robot: the old one's secret and tokens do not open it.
  const again = await robots.createRobot({ name: "long", scopes, lifetime: 3600 });
  expect(await status(basic(long.username, long.secret))).toBe(401);
  expect((await refresh(longTokens.refresh_token)).status).toBe(401);
  expect(await status(basic(again.username, again.secret))).toBe(200);
});

test("what is secret is in no log line, metric, event, webhook, list or error", async () => {
  const told: string[] = [];
  const hook = Bun.serve({
    ...{ port: 0, hostname: "127.0.0.1" },
    fetch: async (request) => {
      told.push(await request.text(), JSON.stringify([...request.headers]));
      return new Response();
    },
  });
  const records: AccessRecord[] = [];
  const webhook = { url: `${hook.url}?key=hook-url-secret`, secret: "hook-hmac-secret" };
  const storage = new MemoryStore();
  const registry = await start({
    ...{ storage, webhooks: [webhook], log: (record) => records.push(record) },
  });
  const scopes = [{ repositories: ["**"], actions: ["pull" as const, "push" as const] }];
  const robot = await registry.administration.createRobot({ name: "ci", scopes, lifetime: 3600 });
  const headers = basic("ann", password);
  const answers: string[] = [];
  const ask = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(`${registry.url}${path}`, init);
    const text = await response.text();
    answers.push(text, JSON.stringify([...response.headers]));
    return text;
  };
  const issued = await fetch(`${registry.url}token?offline_token=true&scope=repository:a:pull`, { headers });
  const tokens = (await issued.json()) as { token: string; refresh_token: string };
  await pushImage(registry.url, "a:v1", { headers });
  await pushImage(registry.url, "a:v2", { headers: basic(robot.username, robot.secret) });
  await ask("v2/a/manifests/v1", { headers: { Authorization: `Bearer ${tokens.token}` } });
  await ask("v2/a/manifests/v1", { method: "DELETE", headers });
  // Secrets where they do not belong, and wrong ones.
  await ask(`v2/a/tags/list?access_token=${tokens.token}&password=${password}&n=1`, { headers });
  await ask("v2/", { headers: basic("ann", `${password}-wrong`) });
  await ask("v2/", { headers: { Authorization: `Bearer ${tokens.token}x` } });
  await ask("v2/", { headers: { Authorization: `Digest ${password}` } });
  await ask("token", {
    ...{ method: "POST" },
    body: new URLSearchParams({ grant_type: "password", username: "ann", password: `${password}!` }),
  });
  await ask("metrics", { headers });
  await ask("api/robots", { headers });
  const storedKeys = await storage.read("access/keys/ES256", 4096);
  await registry.stop({ grace: 5000 });
  await hook.stop(true);

  const signingKey = (JSON.parse(new TextDecoder().decode(storedKeys!.bytes)) as { d: string }).d;
  const secrets = {
    ...{ password, basic: btoa(`ann:${password}`), robot: robot.secret, signingKey },
    ...{
      token: tokens.token,
      refresh: tokens.refresh_token,
      hmac: "hook-hmac-secret",
      url: "hook-url-secret",
    },
    signature: tokens.token.split(".")[2]!,
  };
  expect(records.length).toBeGreaterThan(10);
  expect(told.length).toBeGreaterThan(3);
  expect(answers.join("")).toContain("strake_registry_requests_total");
  for (const [name, secret] of Object.entries(secrets))
    for (const [where, text] of Object.entries({
      log: JSON.stringify(records),
      webhook: told.join("\n"),
      answer: answers.join("\n"),
    }))
      expect([name, where, text.includes(secret)]).toEqual([name, where, false]);
});

test("a robot's secret is stored as a hash alone", async () => {
  const storage = new MemoryStore();
  await using registry = await Registry.start({ storage });
  const scopes = [{ repositories: ["**"], actions: ["pull" as const] }];
  const { secret } = await registry.administration.createRobot({ name: "ci", scopes, lifetime: 60 });
  const stored = new TextDecoder().decode((await storage.read("access/robots/ci", 4096))!.bytes);
  expect(stored).not.toContain(secret);
  expect(stored).not.toContain(secret.slice("strake_".length));
});

test("429 says when to come back, and coming back then works", async () => {
  await using registry = await start({ rules: { rateLimit: { requests: 3, seconds: 3 } } });
  later(0);
  const get = () => fetch(`${registry.url}v2/a/tags/list`, { headers: basic("ann", password) });
  const first = [await get(), await get(), await get()];
  expect(first.map(({ status }) => status)).toEqual([404, 404, 404]);
  const refused = await get();
  expect(refused.status).toBe(429);
  const { errors } = (await refused.json()) as { errors: { code: string }[] };
  expect(errors[0]!.code).toBe("TOOMANYREQUESTS");
  const seconds = Number(refused.headers.get("retry-after"));
  expect(seconds).toBeGreaterThanOrEqual(1);
  expect(seconds).toBeLessThanOrEqual(3);
  later(seconds * 1000);
  expect((await get()).status).toBe(404);
  // Health is not asked for too often by anybody.
  for (let i = 0; i < 10; i++) expect((await fetch(`${registry.url}healthz`)).status).toBe(200);
});

test("nobody is let in by accident: only loopback is served without rules", async () => {
  for (const hostname of ["0.0.0.0", "::", "192.0.2.1", "registry.example", ""])
    await expect(Registry.start({ hostname })).rejects.toMatchObject({ code: "REGISTRY_OPEN" });
  for (const hostname of ["127.0.0.1", "localhost", "127.1.2.3"]) {
    await using registry = await Registry.start({ hostname });
    expect(registry.port).toBeGreaterThan(0);
  }
});

test("limits and immutable tags alone ask nobody who they are, and so are for loopback", async () => {
  const rules = {
    rateLimit: { requests: 10, seconds: 3600 },
    immutableTags: [{ repositories: ["**"], tags: ["v*"] }],
  };
  await expect(Registry.start({ hostname: "0.0.0.0", rules })).rejects.toMatchObject({
    code: "REGISTRY_OPEN",
  });
  await using registry = await Registry.start({ rules });
  await pushImage(registry.url, "a:v1");
  await expect(pushImage(registry.url, "a:v1")).rejects.toThrow("403");
  const statuses = [];
  for (let i = 0; i < 12; i++) statuses.push((await fetch(`${registry.url}v2/a/tags/list`)).status);
  expect([statuses[0], statuses.at(-1)]).toEqual([200, 429]);
  // A list of policies, even an empty one, asks.
  await using closed = await Registry.start({ rules: { ...rules, policies: [] } });
  expect((await fetch(`${closed.url}v2/a/tags/list`)).status).toBe(401);
});

const openssl = Bun.which("openssl");
if (!openssl) console.log("skipped: TLS with a private authority is not tested without openssl");
test.skipIf(!openssl)(
  "TLS: a client that knows the private authority, one that knows another, one that knows none",
  async () => {
    const run = (...args: string[]) => {
      const { exitCode, stderr } = Bun.spawnSync([openssl!, ...args], { cwd: folder, stderr: "pipe" });
      if (exitCode !== 0) throw new Error(stderr.toString());
    };
    const authority = (name: string) => {
      const files = ["-keyout", `${name}.key`, "-out", `${name}.pem`];
      run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", `/CN=${name}`, ...files);
      return Bun.file(join(folder, `${name}.pem`)).text();
    };
    const [ours, other] = [await authority("ours"), await authority("other")];
    writeFileSync(join(folder, "names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
    run(
      "req",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-subj",
      "/CN=registry",
      "-keyout",
      "server.key",
      "-out",
      "server.csr",
    );
    const signing = [
      "-CA",
      "ours.pem",
      "-CAkey",
      "ours.key",
      "-CAcreateserial",
      "-days",
      "2",
      "-extfile",
      "names",
    ];
    run("x509", "-req", "-in", "server.csr", ...signing, "-out", "server.pem");
    const read = (name: string) => Bun.file(join(folder, name)).text();
    const tls = { cert: await read("server.pem"), key: await read("server.key") };
    await using registry = await start({ tls });
    expect(registry.url.protocol).toBe("https:");
    const headers = basic("ann", password);
    const pushed = await pushImage(registry.url, "a:v1", { headers, tls: { ca: ours } });
    const got = await fetch(`${registry.url}v2/a/manifests/v1`, { headers, tls: { ca: ours } });
    expect(got.headers.get("docker-content-digest")).toBe(pushed.digest);
    // The token server is announced where the client already is: over TLS.
    const challenge = (await fetch(`${registry.url}v2/`, { tls: { ca: ours } })).headers.get(
      "www-authenticate",
    );
    expect(challenge).toContain(`realm="${registry.url}token"`);
    await expect(fetch(`${registry.url}v2/`, { tls: { ca: other }, keepalive: false })).rejects.toThrow();
    await expect(fetch(`${registry.url}v2/`, { keepalive: false })).rejects.toThrow();
    await expect(fetch(`http://127.0.0.1:${registry.port}/v2/`)).rejects.toThrow();
  },
);
