import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Access, type AccessRecord, FileStore, Refusal, Registry, type RegistryEvent } from "./index.ts";

const digestOf = (content: string) => `sha256:${createHash("sha256").update(content).digest("hex")}`;

async function pushBlob(
  registry: Registry,
  repository: string,
  content: string,
  headers?: Record<string, string>,
) {
  const digest = digestOf(content);
  const url = `${registry.url}v2/${repository}/blobs/uploads/?digest=${digest}`;
  return { digest, response: await fetch(url, { method: "POST", body: content, headers }) };
}

async function pushImage(registry: Registry, repository: string, tag: string) {
  const { digest } = await pushBlob(registry, repository, "{}");
  const config = { mediaType: "application/vnd.oci.image.config.v1+json", digest, size: 2 };
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const body = JSON.stringify({ schemaVersion: 2, mediaType, config, layers: [] });
  const url = `${registry.url}v2/${repository}/manifests/${tag}`;
  return fetch(url, { method: "PUT", body, headers: { "Content-Type": mediaType } });
}

/** Each user reads and writes the repositories below its own name. */
const ownOnly: Access = ({ action, repository, headers }) => {
  const actor = headers.get("x-user") ?? undefined;
  if (actor === undefined)
    return { allow: false, status: 401, message: "who are you?", challenge: 'Basic realm="test"' };
  if (action === "mount-any") return { allow: false, status: 403, message: "no" };
  if (repository === undefined)
    return { allow: true, actor, visible: (name) => name.startsWith(`${actor}/`) };
  if (repository.startsWith(`${actor}/`)) return { allow: true, actor };
  return { allow: false, status: 403, message: "not yours" };
};
const as = (user: string) => ({ "x-user": user });

test("a registry for a test is one line", async () => {
  await using registry = await Registry.start();
  expect((await fetch(`${registry.url}v2/`)).status).toBe(200);
  expect(registry.host).toMatch(/^127\.0\.0\.1:\d+$/);
});

test("access is asked first: 401 with a challenge, 403, a catalog of what may be seen", async () => {
  await using registry = await Registry.start({ access: ownOnly });
  const nobody = await fetch(`${registry.url}v2/`);
  expect([nobody.status, nobody.headers.get("www-authenticate")]).toEqual([401, 'Basic realm="test"']);
  for (const path of ["v2/ann/x/tags/list", "v2/_catalog", "metrics"])
    expect((await fetch(registry.url.href + path)).status).toBe(401);
  expect((await pushBlob(registry, "ann/x", "a")).response.status).toBe(401);
  expect((await pushBlob(registry, "ann/x", "a", as("bob"))).response.status).toBe(403);
  expect((await pushBlob(registry, "ann/x", "a", as("ann"))).response.status).toBe(201);
});

test("a blob is not mounted from a repository that the caller may not read, nor by its digest alone", async () => {
  await using registry = await Registry.start({ access: ownOnly });
  const { digest } = await pushBlob(registry, "ann/secret", "secret", as("ann"));
  for (const query of [`mount=${digest}&from=ann/secret`, `mount=${digest}`]) {
    const url = `${registry.url}v2/bob/x/blobs/uploads/?${query}`;
    expect((await fetch(url, { method: "POST", headers: as("bob") })).status).toBe(202);
  }
  const got = await fetch(`${registry.url}v2/bob/x/blobs/${digest}`, { headers: as("bob") });
  expect(got.status).toBe(404);
});

test("an upload belongs to who began it", async () => {
  const shared: Access = ({ headers }) => ({ allow: true, actor: headers.get("x-user") ?? undefined });
  await using registry = await Registry.start({ access: shared });
  const begun = await fetch(`${registry.url}v2/a/blobs/uploads/`, { method: "POST", headers: as("ann") });
  const location = new URL(begun.headers.get("location")!, registry.url);
  expect((await fetch(location, { method: "PATCH", body: "x", headers: as("bob") })).status).toBe(404);
  expect((await fetch(location, { method: "PATCH", body: "x", headers: as("ann") })).status).toBe(202);
});

test("rules stop a change with their own words", async () => {
  await using registry = await Registry.start({
    admit: (change) => {
      if (change.kind === "tag" && change.from && change.from !== change.to)
        throw new Refusal("DENIED", "the tag is immutable");
      if (change.kind === "blob" && change.size > 100) throw new Refusal("DENIED", "over quota");
    },
  });
  expect((await pushBlob(registry, "a", "x".repeat(101))).response.status).toBe(403);
  expect((await fetch(`${registry.url}v2/a/blobs/${digestOf("x".repeat(101))}`)).status).toBe(404);
  expect((await pushImage(registry, "a", "v1")).status).toBe(201);
  expect((await pushImage(registry, "a", "v1")).status).toBe(201);
  const remove = await fetch(`${registry.url}v2/a/manifests/v1`, { method: "DELETE" });
  expect([remove.status, await remove.text()]).toEqual([403, expect.stringContaining("immutable")]);
});

test("events say what happened", async () => {
  const events: RegistryEvent[] = [];
  await using registry = await Registry.start({ onEvent: (event) => events.push(event) });
  await pushImage(registry, "a/b", "v1");
  await (await fetch(`${registry.url}v2/a/b/manifests/v1`)).text();
  await fetch(`${registry.url}v2/a/b/manifests/v1`, { method: "DELETE" });
  expect(events.map(({ type, repository }) => [type, repository])).toEqual([
    ["blob.pushed", "a/b"],
    ["manifest.pushed", "a/b"],
    ["manifest.pulled", "a/b"],
    ["tag.deleted", "a/b"],
  ]);
  expect(events[1]).toMatchObject({ tags: ["v1"], size: expect.any(Number) });
});

test("the log holds no credential, whatever way it came", async () => {
  const records: AccessRecord[] = [];
  await using registry = await Registry.start({ log: (record) => records.push(record) });
  const secret = "hunter2";
  await fetch(`${registry.url}v2/a/tags/list?n=5&token=${secret}&_state=${secret}`, {
    headers: { Authorization: `Bearer ${secret}`, Cookie: secret, "User-Agent": "test\u00e9" },
  });
  expect(JSON.stringify(records)).not.toContain(secret);
  expect(records).toEqual([
    expect.objectContaining({
      method: "GET",
      path: "/v2/a/tags/list",
      query: { n: "5" },
      status: 404,
      remote: "127.0.0.1",
      userAgent: "test?",
    }),
  ]);
});

test("what storage says stays inside", async () => {
  const records: AccessRecord[] = [];
  const folder = mkdtempSync(join(tmpdir(), "strake-registry-broken-"));
  try {
    const storage = await FileStore.open(join(folder, "data"));
    await using registry = await Registry.start({ storage, log: (record) => records.push(record) });
    rmSync(join(folder, "data", "uploads"), { recursive: true });
    const response = await fetch(`${registry.url}v2/a/blobs/uploads/`, { method: "POST" });
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "5"]);
    expect(await response.text()).not.toContain(folder);
    expect(records[0]?.error).toContain("an upload cannot be begun");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("stopping lets an upload finish and takes no new connection", async () => {
  const registry = await Registry.start();
  const begun = await fetch(`${registry.url}v2/a/blobs/uploads/`, { method: "POST" });
  const location = new URL(begun.headers.get("location")!, registry.url);
  let send: (text: string | undefined) => void = () => {};
  const body = new ReadableStream({
    start(controller) {
      send = (text) =>
        text === undefined ? controller.close() : controller.enqueue(new TextEncoder().encode(text));
    },
  });
  send("first ");
  const put = fetch(`${location}?digest=${digestOf("first second")}`, { method: "PUT", body });
  while ((await fetch(location)).headers.get("range") !== "0-5") await Bun.sleep(5);
  const stopped = registry.stop({ grace: 5000 });
  await Bun.sleep(50);
  send("second");
  send(undefined);
  expect((await put).status).toBe(201);
  await stopped;
  await expect(fetch(`${registry.url}v2/`)).rejects.toThrow();
});

test("an upload goes on after a restart, a wrong digest is still found", async () => {
  const folder = mkdtempSync(join(tmpdir(), "strake-registry-restart-"));
  try {
    const open = async () => Registry.start({ storage: await FileStore.open(folder) });
    let path: string;
    {
      await using registry = await open();
      const begun = await fetch(`${registry.url}v2/a/blobs/uploads/`, { method: "POST" });
      path = begun.headers.get("location")!;
      await fetch(new URL(path, registry.url), { method: "PATCH", body: "first " });
      await pushImage(registry, "kept", "v1");
    }
    await using registry = await open();
    const location = new URL(path, registry.url);
    expect((await fetch(location)).headers.get("range")).toBe("0-5");
    await fetch(location, { method: "PATCH", body: "second" });
    const put = await fetch(`${location}?digest=${digestOf("first second")}`, { method: "PUT" });
    expect(put.status).toBe(201);
    expect((await fetch(`${registry.url}v2/kept/manifests/v1`)).status).toBe(200);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("kill -9 in the middle of pushes: what was acknowledged is there, nothing half is served", async () => {
  const folder = mkdtempSync(join(tmpdir(), "strake-registry-kill-"));
  try {
    const program = `
      import { FileStore, Registry } from ${JSON.stringify(join(import.meta.dir, "index.ts"))};
      const registry = await Registry.start({ storage: await FileStore.open(${JSON.stringify(folder)}) });
      console.log(registry.url.href);`;
    const child = Bun.spawn([process.execPath, "-e", program], { stdout: "pipe", stderr: "inherit" });
    const url = new TextDecoder().decode((await child.stdout.getReader().read()).value).trim();
    const acknowledged: string[] = [];
    const pusher = async (worker: number) => {
      for (let i = 0; ; i++) {
        const content = `${worker}/${i}`.padEnd(200_000, "x");
        const target = `${url}v2/a/blobs/uploads/?digest=${digestOf(content)}`;
        const response = await fetch(target, { method: "POST", body: content }).catch(() => undefined);
        if (response?.status !== 201) return;
        acknowledged.push(content);
        if (acknowledged.length === 40) child.kill("SIGKILL");
      }
    };
    await Promise.all([0, 1, 2, 3].map(pusher));
    await child.exited;
    await using registry = await Registry.start({ storage: await FileStore.open(folder) });
    expect(acknowledged.length).toBeGreaterThanOrEqual(40);
    for (const content of acknowledged) {
      const got = await fetch(`${registry.url}v2/a/blobs/${digestOf(content)}`);
      expect([got.status, digestOf(await got.text())]).toEqual([200, digestOf(content)]);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
