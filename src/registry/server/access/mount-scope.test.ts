import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Registry } from "../index.ts";
import { htpasswdLine } from "./htpasswd.ts";

const folder = mkdtempSync(join(tmpdir(), "strake-mount-scope-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let registry: Registry;
beforeAll(async () => {
  const htpasswd = join(folder, "users");
  writeFileSync(htpasswd, `${await htpasswdLine({ name: "ann", password: "a" }, 4)}\n`);
  const all = ["pull", "push", "delete"] as const;
  const policies = [
    { repositories: ["ann/*"], users: ["ann"], actions: all },
    { repositories: ["public/*"], anonymous: true, actions: ["pull"] as const },
    { repositories: ["public/*"], users: ["ann"], actions: ["push"] as const },
    { repositories: ["drop/*"], users: ["ann"], actions: ["push"] as const },
  ];
  registry = await Registry.start({ rules: { htpasswd, policies, token: {} } });
});
afterAll(() => registry.stop());

const digest = `sha256:${new Bun.CryptoHasher("sha256").update("content").digest("hex")}`;
const authorization = (token?: string) =>
  new Headers(token === undefined ? [] : [["Authorization", `Bearer ${token}`]]);

async function tokenFor(scope: string, user = "ann:a"): Promise<string> {
  const url = new URL(`token?${new URLSearchParams({ service: "strake", scope })}`, registry.url);
  const answer = await fetch(url, { headers: { Authorization: `Basic ${btoa(user)}` } });
  return ((await answer.json()) as { token: string }).token;
}

const post = (query: Record<string, string>, token?: string, body?: string) =>
  fetch(new URL(`v2/ann/to/blobs/uploads/?${new URLSearchParams(query)}`, registry.url), {
    ...{ method: "POST", headers: authorization(token) },
    ...(body === undefined ? {} : { body }),
  });

async function scopeOfChallenge(response: Response): Promise<string | undefined> {
  expect(response.status).toBe(401);
  return /scope="([^"]*)"/.exec(response.headers.get("www-authenticate") ?? "")?.[1];
}

async function push(repository: string): Promise<void> {
  const url = new URL(`v2/${repository}/blobs/uploads/?digest=${digest}`, registry.url);
  const headers = authorization(await tokenFor(`repository:${repository}:push`));
  expect((await fetch(url, { method: "POST", body: "content", headers })).status).toBe(201);
}

test("a client that asks for what it is challenged with mounts, whatever token it had before", async () => {
  for (const from of ["ann/from", "public/from"]) {
    await push(from);
    const wanted = `repository:ann/to:pull,push repository:${from}:pull`;
    const mount = { mount: digest, from };
    expect(await scopeOfChallenge(await post(mount))).toBe(wanted);
    expect(await scopeOfChallenge(await post(mount, "none"))).toBe(wanted);
    expect(await scopeOfChallenge(await post(mount, await tokenFor("repository:ann/to:pull,push")))).toBe(
      wanted,
    );
    expect((await post(mount, await tokenFor(wanted))).status).toBe(201);
  }
});

test("who may not read what a blob is mounted from is asked to send it, not for another token", async () => {
  await push("drop/from");
  const token = await tokenFor("repository:ann/to:pull,push repository:drop/from:pull");
  for (const from of ["drop/from", "nobody/knows"])
    expect((await post({ mount: digest, from }, token)).status).toBe(202);
});

test("a name of no repository is no part of a challenge", async () => {
  for (const query of [
    { mount: digest, from: 'x" scope="evil' },
    { mount: digest, from: "" },
    { from: "ann/from" },
  ])
    expect(await scopeOfChallenge(await post(query as Record<string, string>))).toBe(
      "repository:ann/to:pull,push",
    );
});
