import { afterAll, beforeAll, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { Registry } from "../index.ts";
import { ownClock } from "../own-clock.test-support.ts";
import { MemoryStore } from "../storage/memory.ts";
import type { AccessConfig } from "./config.ts";
import { Tokens } from "./jwt.ts";
import { openSigningKey, type SigningKey } from "./signing-key.ts";

/** A token is made here by hand, with the registry's own key, so that each has exactly one thing wrong with it. */
const rules: AccessConfig = {
  policies: [{ repositories: ["public/**"], actions: ["pull"], anonymous: true }],
  token: {},
};
const later = ownClock();
const now = () => Math.floor(Date.now() / 1000);
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
const access = [{ type: "repository", name: "public/x", actions: ["pull"] }];

let storage: MemoryStore;
let key: SigningKey;
let registry: Registry;
beforeAll(async () => {
  storage = new MemoryStore();
  registry = await Registry.start({ storage, rules });
  key = await openSigningKey(storage, "ES256");
});
afterAll(() => registry.stop());

const good = () => ({
  iss: "strake",
  aud: "strake",
  sub: "",
  iat: now(),
  nbf: now(),
  exp: now() + 60,
  access,
});
async function forge(claims: object, header: object = {}, sign = key.sign): Promise<string> {
  const signed = `${encode({ alg: "ES256", typ: "JWT", kid: key.id, ...header })}.${encode(claims)}`;
  return `${signed}.${Buffer.from(await sign(new TextEncoder().encode(signed))).toString("base64url")}`;
}
/** 404 is the answer to whoever is let in: there is no such repository. */
const status = async (token: string) =>
  (await fetch(`${registry.url}v2/public/x/tags/list`, { headers: { Authorization: `Bearer ${token}` } }))
    .status;

test("a token made with the registry's own key is good", async () => {
  expect(await status(await forge(good()))).toBe(404);
});

test.each([
  ["it has ended", () => ({ exp: now() - 1 })],
  ["it has not begun", () => ({ nbf: now() + 120 })],
  ["it was issued in the future", () => ({ iat: now() + 120 })],
  ["another issuer", () => ({ iss: "other" })],
  ["another audience", () => ({ aud: "other" })],
  ["several audiences", () => ({ aud: ["strake", "other"] })],
  ["no end", () => ({ exp: undefined })],
  ["an end that is no number", () => ({ exp: "never" })],
  ["an end without end", () => ({ exp: null })],
  ["no subject", () => ({ sub: undefined })],
  ["a subject that is an object", () => ({ sub: {} })],
  ["a user that is not here", () => ({ sub: "ann" })],
  ["a robot that is not here", () => ({ sub: "robot+ci" })],
  ["an issuer that is a prefix", () => ({ iss: "strak" })],
] as const)("refused: %s", async (_, change) => {
  expect(await status(await forge({ ...good(), ...change() }))).toBe(401);
});

test("clocks of replicas may differ by half a minute, but an end is an end", async () => {
  expect(await status(await forge({ ...good(), nbf: now() + 20, iat: now() + 20 }))).toBe(404);
  expect(await status(await forge({ ...good(), exp: now() - 1 }))).toBe(401);
});

test("a good token ends while it is remembered", async () => {
  later(0);
  const token = await forge({ ...good(), exp: now() + 2 });
  expect(await status(token)).toBe(404);
  later(2100);
  expect(await status(token)).toBe(401);
});

test("CVE-2025-24976: the header says nothing about how a token is checked", async () => {
  const { crv, kty, x, y } = JSON.parse(
    new TextDecoder().decode((await storage.read("access/keys/ES256", 4096))!.bytes),
  ) as Record<string, string>;
  const publicKey = { crv, kty, x, y };
  const jwk = await crypto.subtle.importKey(
    "jwk",
    publicKey as never,
    { name: "ECDSA", namedCurve: "P-256" },
    true,
    ["verify"],
  );
  const pem = `-----BEGIN PUBLIC KEY-----\n${Buffer.from(await crypto.subtle.exportKey("spki", jwk)).toString("base64")}\n-----END PUBLIC KEY-----\n`;
  /** HS256 with what everybody may know as the secret. */
  const symmetric = (secret: string | Uint8Array) => async (data: Uint8Array<ArrayBuffer>) =>
    new Uint8Array(createHmac("sha256", secret).update(data).digest());
  const nothing = async () => new Uint8Array();
  for (const [header, sign] of [
    [{ alg: "none" }, nothing],
    [{ alg: "None" }, nothing],
    [{ alg: "none" }, key.sign],
    [{ alg: "HS256" }, symmetric(pem)],
    [{ alg: "HS256" }, symmetric(JSON.stringify(publicKey))],
    [{ alg: "HS256" }, symmetric(Buffer.from(x!, "base64url"))],
    [{ alg: "HS256" }, symmetric("")],
    [{ alg: "EdDSA" }, key.sign],
    [{ alg: "ES384" }, key.sign],
    [{ alg: undefined }, key.sign],
    [{ kid: "other" }, key.sign],
    [{ kid: "../../dev/null" }, key.sign],
    [{ kid: undefined }, key.sign],
    [{ typ: "refresh+jwt" }, key.sign],
    [{ jwk: publicKey }, key.sign],
    [{ jku: "https://evil.example/keys" }, key.sign],
    [{ x5c: [] }, key.sign],
    [{ crit: ["exp"] }, key.sign],
  ] as const)
    expect([header, await status(await forge(good(), header, sign))]).toEqual([header, 401]);
});

test("what is no token at all", async () => {
  const token = await forge(good());
  const [head, body, signature] = token.split(".") as [string, string, string];
  const flipped = Buffer.from(signature, "base64url");
  flipped[10]! ^= 1;
  for (const text of [
    ...["x", "..", `${head}.${body}`, `${head}.${body}.`, `${token}.`, `${token}.x`, `${head}..${signature}`],
    `${head}.${body}.${flipped.toString("base64url")}`,
    `${head}.${encode({ ...good(), access: [{ ...access[0], name: "**" }] })}.${signature}`,
    `${"a".repeat(15_000)}.b.c`,
    `${encode([])}.${body}.${signature}`,
    `${encode(null)}.${body}.${signature}`,
  ])
    expect(await status(text)).toBe(401);
});

test("a token of another registry, or of another key of this one, is none of ours", async () => {
  const other = await openSigningKey(new MemoryStore(), "ES256");
  expect(await status(await forge(good(), { kid: other.id }, other.sign))).toBe(401);
  expect(await status(await forge(good(), {}, other.sign))).toBe(401);
  const named = new Tokens(key, "elsewhere");
  expect(await status(await named.sign("JWT", 60, { sub: "", access: [] }))).toBe(401);
});

test("a token allows what it says and no more", async () => {
  const push = (token: string, repository = "public/x") =>
    fetch(`${registry.url}v2/${repository}/blobs/uploads/`, {
      ...{ method: "POST", headers: { Authorization: `Bearer ${token}` } },
    });
  // Signed by us, and still: nobody in particular may push nowhere.
  const greedy = [{ type: "repository", name: "public/x", actions: ["pull", "push", "delete", "*"] }];
  expect((await push(await forge({ ...good(), access: greedy }))).status).toBe(401);
  for (const empty of [
    undefined,
    [],
    [{ ...access[0], name: "public/y" }],
    [{ ...access[0], type: "registry" }],
  ])
    expect(await status(await forge({ ...good(), access: empty }))).toBe(401);
});
