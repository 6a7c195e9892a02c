import { afterAll, expect, test } from "bun:test";
import { appendFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pushImage } from "../support/push-image.ts";
import { program, startServe } from "../support/registry-process.ts";

/** A registry as a team runs it: a configuration file, and commands beside the process that serves. */
const folder = mkdtempSync(join(tmpdir(), "strake-registry-admin-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => join(folder, name);

async function strake(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const child = Bun.spawn([...program, "registry", ...args], { cwd: folder, stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code: await child.exited, out, err };
}
async function htpasswd(name: string, password: string): Promise<string> {
  const child = Bun.spawn([...program, "registry", "htpasswd", name, "--password-stdin", "--cost", "4"], {
    ...{ stdin: new TextEncoder().encode(`${password}\n`), stdout: "pipe" },
  });
  return new Response(child.stdout).text();
}
const basic = (name: string, password: string) => ({ Authorization: `Basic ${btoa(`${name}:${password}`)}` });

test("a team's registry: users, robots, retention, collection, undo, scrub, while it serves and when it does not", async () => {
  writeFileSync(at("users"), (await htpasswd("ann", "a")) + (await htpasswd("bob", "b")));
  writeFileSync(
    at("registry.toml"),
    `listen = "127.0.0.1:0"
     log = "access.log"
     [storage]
     root = "images"
     [access]
     htpasswd = "users"
     admins = { users = ["ann"] }
     [[access.policies]]
     repositories = ["**"]
     actions = ["pull", "push", "delete"]
     authenticated = true
     [collection]
     grace = "0"
     undo = "1h"
     [[retention]]
     tags = "pr-*"
     keepLast = 1
     [metrics]
     listen = "127.0.0.1:0"`,
  );
  const checked = await strake("check-config", "registry.toml");
  expect([checked.code, checked.out]).toEqual([0, "registry.toml is good\n"]);
  const server = await startServe(["--config", "registry.toml"], folder);
  const flags = ["--config", "registry.toml"];
  try {
    const ann = basic("ann", "a");
    for (const tag of ["pr-1", "pr-2", "v1"])
      await pushImage(server.url, `team/app:${tag}`, { headers: ann });
    const status = async (path: string, headers = {}) => (await fetch(server.url + path, { headers })).status;
    expect(await status("v2/team/app/tags/list")).toBe(401);
    expect(await status("v2/team/app/tags/list", basic("bob", "b"))).toBe(200);

    // Robots: made and revoked through the process that serves.
    const made = await strake(
      "robot",
      "create",
      "ci",
      "--repository",
      "team/**",
      "--action",
      "pull",
      ...flags,
    );
    const secret = /^password (\S+)$/m.exec(made.out)![1]!;
    expect(await status("v2/team/app/manifests/v1", basic("robot+ci", secret))).toBe(200);
    expect((await strake("robot", "list", "--root", "images")).out).toContain("team/**:pull");
    expect((await strake("robot", "revoke", "ci", ...flags)).code).toBe(0);
    expect(await status("v2/team/app/manifests/v1", basic("robot+ci", secret))).toBe(401);

    // Retention, by the rules of the server.
    const dry = await strake("retain", "--dry-run", "--root", "images");
    expect(dry.out).toContain("would delete team/app:pr-1 ");
    expect(await status("v2/team/app/manifests/pr-1", ann)).toBe(200);
    expect((await strake("retain", ...flags)).out).toContain("deleted 1 tags");
    expect(await status("v2/team/app/manifests/pr-1", ann)).toBe(404);

    // Undo.
    const trash = await strake("trash", "list", "--format", "json", ...flags);
    const { Digest: digest } = JSON.parse(trash.out) as { Digest: string };
    const restored = await strake("trash", "restore", "team/app", digest, ...flags);
    expect(restored.out).toBe(`restored team/app@${digest} with team/app:pr-1\n`);
    expect(await status("v2/team/app/manifests/pr-1", ann)).toBe(200);
    const again = await strake("trash", "restore", "team/app", digest, ...flags);
    expect([again.code, again.err]).toEqual([1, expect.stringContaining("cannot be had back")]);

    // A changed rule holds without a restart; a broken file changes nothing.
    writeFileSync(at("registry.toml"), readFileSync(at("registry.toml"), "utf8").replace('"v1"', '"v1"'));
    appendFileSync(at("registry.toml"), '\n[[access.immutableTags]]\nrepositories = ["**"]\ntags = ["v*"]\n');
    server.child.kill("SIGHUP");
    await server.says("the configuration was read again");
    const remove = { method: "DELETE", headers: ann };
    expect((await fetch(`${server.url}v2/team/app/manifests/v1`, remove)).status).toBe(403);
    writeFileSync(at("registry.toml"), "listen = \n");
    await server.says("the configuration stays as it was");
    expect((await fetch(`${server.url}v2/team/app/manifests/v1`, remove)).status).toBe(403);

    // The log is rotated.
    renameSync(at("access.log"), at("access.log.1"));
    server.child.kill("SIGHUP");
    await server.says("stays as it was", 2);
    await status("v2/after/rotation/tags/list", ann);
  } finally {
    server.child.kill("SIGTERM");
    expect(await server.child.exited).toBe(0);
  }
  expect(readFileSync(at("access.log"), "utf8")).toContain("/v2/after/rotation/");
  const rotated = readFileSync(at("access.log.1"), "utf8");
  expect(rotated).toContain('"actor":"robot+ci"');
  expect(rotated).not.toContain("rotation");

  // Nobody serves: the commands work on the folder themselves.
  const root = ["--root", "images"];
  expect((await strake("trash", "empty", ...root)).out).toContain("0 entries");
  for (const what of ["trash", "robot"])
    expect(await strake(what, "ls", ...root)).toEqual(await strake(what, "list", ...root));
  const kept = await strake("retain", ...root);
  expect([kept.out, kept.err]).toEqual(["deleted 0 tags\n", expect.stringContaining("no rule was given")]);
  expect((await strake("gc", "--dry-run", ...root)).out).toContain("0 manifests would be removed");
  const clean = await strake("scrub", ...root);
  expect([clean.code, clean.out]).toEqual([0, expect.stringContaining("none damaged")]);
  const blob = new Bun.Glob("objects/blobs/sha256/*").scanSync({ cwd: at("images") }).next().value as string;
  const bytes = readFileSync(at(`images/${blob}`));
  bytes[0]! ^= 1;
  writeFileSync(at(`images/${blob}`), bytes);
  const rotten = await strake("scrub", ...root);
  expect([rotten.code, rotten.out]).toEqual([1, expect.stringContaining(blob.split("/").at(-1)!)]);
}, 120_000);

test.each([
  [["gc", "--root", "nowhere"], "there is no registry in"],
  [["gc", "--storage", "memory"], "a registry in memory ends with its process"],
  [["trash", "burn", "--root", "x"], "takes list, restore or empty"],
  [["trash", "restore", "a", "--root", "."], "there is no registry in"],
  [["robot", "create", "UPPER"], "needs the robot's name"],
  [["retain", "--tags", "x"], "say what is kept"],
  [["retain", "--keep-within", "soon"], "--keep-within"],
  [["htpasswd", "a:b"], "nobody can be asked"],
  [["check-config", "absent.toml"], "absent.toml cannot be read"],
  [["serve", "--rate-limit", "many"], "is not N/TIME"],
  [["serve", "--storage", "x", "--root", "y"], "name a folder each"],
  [["serve", "--listen", "0.0.0.0:0", "--storage", "memory"], "other machines"],
  [["serve", "--htpasswd", "absent", "--storage", "memory"], "absent cannot be read"],
  [["serve", "--gc-interval", "often", "--storage", "memory"], "collection.every"],
  [["serve", "--storage", "s3", "--s3-bucket", "X"], "storage.bucket"],
])("%j says what is wrong", async (args, message) => {
  const { code, err } = await strake(...args);
  expect([code, err]).toEqual([1, expect.stringContaining(message)]);
});

test("flags alone make a registry for a team", async () => {
  writeFileSync(at("users"), await htpasswd("ann", "a"));
  const flags = ["--storage", "memory", "--listen", "127.0.0.1:0", "--log", "none", "--htpasswd", "users"];
  const more = ["--anonymous-pull", "--immutable-tags", "v*", "--rate-limit", "50/1h", "--admin", "ann"];
  const server = await startServe([...flags, ...more, "--token"], folder);
  try {
    const ann = basic("ann", "a");
    await pushImage(server.url, "app:v1", { headers: ann });
    expect((await fetch(`${server.url}v2/app/manifests/v1`)).status).toBe(200);
    expect((await fetch(`${server.url}v2/app/blobs/uploads/`, { method: "POST" })).status).toBe(401);
    await expect(pushImage(server.url, "app:v1", { headers: ann })).rejects.toThrow("403");
    expect((await fetch(`${server.url}metrics`, { headers: ann })).status).toBe(200);
    expect((await fetch(`${server.url}token`, { headers: ann })).status).toBe(200);
    const codes = [];
    for (let i = 0; i < 60; i++) codes.push((await fetch(`${server.url}v2/app/tags/list`)).status);
    expect(codes).toContain(429);
  } finally {
    server.child.kill();
    await server.child.exited;
  }
}, 120_000);

test("the cache of another registry, from a flag and from a file", async () => {
  const upstream = await startServe(["--storage", "memory", "--listen", "127.0.0.1:0", "--quiet"], folder);
  const { digest } = await pushImage(upstream.url, "library/app:v1");
  writeFileSync(
    at("cache.toml"),
    `listen = "127.0.0.1:0"
     log = "none"
     storage = { driver = "memory" }
     proxy = [{ prefix = "up", upstream = "${upstream.url.replace(/\/$/, "")}" }]`,
  );
  const quiet = ["--storage", "memory", "--listen", "127.0.0.1:0", "--quiet"];
  const servers = [
    await startServe([...quiet, "--proxy", `up=${upstream.url.replace(/\/$/, "")}`], folder),
    await startServe(["--config", "cache.toml"], folder),
  ];
  try {
    const ask = (url: string) => fetch(`${url}v2/up/library/app/manifests/v1`);
    for (const { url } of servers) expect((await ask(url)).headers.get("docker-content-digest")).toBe(digest);
    upstream.child.kill();
    await upstream.child.exited;
    for (const { url } of servers) expect((await ask(url)).status).toBe(200);
  } finally {
    for (const { child } of [...servers, upstream]) {
      child.kill();
      await child.exited;
    }
  }
}, 120_000);
