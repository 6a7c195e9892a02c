import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Registry } from "../../src/registry/server/index.ts";
import { freePort } from "../support/free-port.ts";
import { type LayeredImage, makeLayeredImage, pushLayeredImage } from "../support/layered-image.ts";
import { makeStrake, type Strake } from "../support/strake.ts";

/** `copy` from a registry with a mirror: which side an error is of, which host, and that a mirror answers only for what the source did. */
const home = mkdtempSync(join(tmpdir(), "strake-copy-sides-"));
let origin: Awaited<ReturnType<typeof Registry.start>>;
let mirror: Awaited<ReturnType<typeof Registry.start>>;
let image: LayeredImage;
let strake: Strake;
let asked: string[] = [];

beforeAll(async () => {
  origin = await Registry.start();
  mirror = await Registry.start();
  image = await makeLayeredImage([100_000, 2_000_000]);
  for (const { host } of [origin, mirror]) await pushLayeredImage(image, host, "team/app");
  strake = makeStrake();
});
afterAll(async () => {
  await strake.remove();
  for (const each of [origin, mirror]) await each[Symbol.asyncDispose]();
  rmSync(home, { recursive: true, force: true });
});
afterEach(() => {
  asked = [];
});

/** A registry that hands requests on to a real one, except for those it answers itself. */
function before(host: string, own: (method: string, path: string) => Response | undefined) {
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      asked.push(`${request.method} ${pathname}`);
      const answer = own(request.method, pathname);
      if (answer !== undefined) return answer;
      const { method, headers, body } = request;
      return await fetch(`http://${host}${pathname}${search}`, { method, headers, body, redirect: "manual" });
    },
  });
}

/** Copies from `origin.test`, which is one registry behind another. */
async function copy(target: string, mirrors: readonly string[], last = origin.host, args: string[] = []) {
  const folder = join(home, "certs.d", "origin.test");
  mkdirSync(folder, { recursive: true });
  const hosts = mirrors.map((host) => `[host."http://${host}"]\ncapabilities = ["pull", "resolve"]\n`);
  writeFileSync(join(folder, "hosts.toml"), `server = "http://${last}"\n${hosts.join("")}`);
  const { code, stderr } = await strake.run(
    ["copy", "--progress", "plain", ...args, `origin.test/team/app${args.length > 0 ? "" : ":1"}`, target],
    { env: { STRAKE_CERTS_DIR: join(home, "certs.d") } },
  );
  const lines = stderr.split("\n");
  return {
    code,
    error: lines.find((line) => line.includes("error: ")) ?? "",
    warnings: lines.filter((line) => line.includes("mirror")),
  };
}

test("a target that is not there or refuses is named as the target, at once, and no mirror is blamed", async () => {
  const nobody = `127.0.0.1:${freePort()}`;
  expect(await copy(`${nobody}/my/app:1`, [mirror.host])).toEqual({
    code: expect.any(Number),
    error: `error: target ${nobody}/my/app:1: nothing listens at ${nobody}`,
    warnings: [],
  });
  using target = before(origin.host, (method) =>
    method === "POST"
      ? Response.json({ errors: [{ code: "DENIED", message: "read-only" }] }, { status: 403 })
      : undefined,
  );
  const host = `127.0.0.1:${target.port}`;
  const refused = await copy(`${host}/my/app:1`, [mirror.host]);
  expect(refused.error).toStartWith(`error: target ${host}/my/app:1: ${host} refused `);
  expect(refused.error).toContain("read-only");
  expect(refused.warnings).toEqual([]);
  // Each of the blobs once, or none for a blob that the first refusal stopped.
  expect(asked.filter((line) => line.startsWith("POST")).length).toBeLessThanOrEqual(3);
  const tags = await copy(`${host}/my/app`, [mirror.host], origin.host, ["--all-tags"]);
  expect(tags.error).toStartWith(`tag 1 was not copied: error: target ${host}/my/app:1: ${host} refused `);
  expect(tags.warnings).toEqual([]);
}, 60_000);

test("a source that is not there is named as the source, after its mirrors", async () => {
  const [nobody, neither] = [`127.0.0.1:${freePort()}`, `127.0.0.1:${freePort()}`];
  const { error, warnings } = await copy(`${mirror.host}/my/never:1`, [nobody], neither);
  expect(error).toBe(`error: source origin.test/team/app:1: nothing listens at ${neither}`);
  expect(warnings.length).toBe(1);
  expect(warnings[0]).toContain(`mirror ${nobody}: nothing listens at ${nobody}`);
}, 60_000);

test("a mirror that breaks or sends other bytes is named for it, and the next place is asked for the rest", async () => {
  const wrong = image.layers[1]!;
  using damaged = before(mirror.host, (method, path) =>
    method === "GET" && path.endsWith(wrong)
      ? new Response(new Uint8Array(image.blobs.get(wrong)!.length))
      : undefined,
  );
  await using target = await Registry.start();
  const { code, warnings } = await copy(`${target.host}/my/app:1`, [`127.0.0.1:${damaged.port}`]);
  expect(code).toBe(0);
  expect(warnings.length).toBe(1);
  expect(warnings[0]).toContain(`mirror 127.0.0.1:${damaged.port}: 127.0.0.1:${damaged.port}/team/app sent `);
  expect(warnings[0]).toContain(`for ${wrong}`);
  // No other place: the bytes are the source's fault, and the target keeps nothing of them.
  using last = before(origin.host, (method, path) =>
    method === "GET" && path.endsWith(wrong)
      ? new Response(new Uint8Array(image.blobs.get(wrong)!.length))
      : undefined,
  );
  const failed = await copy(`${target.host}/my/other:1`, [], `127.0.0.1:${last.port}`);
  expect(failed.error).toStartWith(
    `error: source origin.test/team/app:1: 127.0.0.1:${last.port}/team/app sent `,
  );
}, 60_000);
