import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AccessConfig, ControlClient, FileStore, MemoryStore, Registry } from "./index.ts";

const folder = mkdtempSync(join(tmpdir(), "strake-reconfigure-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const anybodyPulls: AccessConfig = {
  policies: [{ repositories: ["**"], actions: ["pull"], anonymous: true }],
};

/** Resolves when so many bytes of an upload that goes on have arrived. */
async function arrival(url: URL, bytes: number, init: BunFetchRequestInit = {}): Promise<void> {
  const range = async () => (await fetch(url, init)).headers.get("range");
  while ((await range()) !== `0-${bytes - 1}`) await Bun.sleep(5);
}

test("rules change while an upload goes on under the old ones", async () => {
  await using registry = await Registry.start();
  const begun = await fetch(`${registry.url}v2/a/blobs/uploads/`, { method: "POST" });
  expect(begun.status).toBe(202);
  await registry.reconfigure({ rules: anybodyPulls });
  expect((await fetch(`${registry.url}v2/a/blobs/uploads/`, { method: "POST" })).status).toBe(401);
  expect((await fetch(`${registry.url}v2/a/tags/list`)).status).toBe(404);
  await registry.reconfigure({});
  const location = new URL(begun.headers.get("location")!, registry.url);
  expect((await fetch(location, { method: "DELETE" })).status).toBe(204);
});

test("what cannot be meant changes nothing", async () => {
  await using registry = await Registry.start({ rules: anybodyPulls });
  const broken = [
    { rules: { policies: [{ repositories: ["**"], actions: ["fly"], anonymous: true }] } as never },
    { webhooks: [{ url: "ftp://x" }] },
    { collection: { retention: [{}] } },
    { rules: anybodyPulls, tls: { cert: "x", key: "y" } },
  ];
  for (const changes of broken) await expect(registry.reconfigure(changes)).rejects.toThrow();
  expect((await fetch(`${registry.url}v2/a/blobs/uploads/`, { method: "POST" })).status).toBe(401);
});

test("a registry that other machines reach does not lose its rules", async () => {
  await using registry = await Registry.start({ hostname: "0.0.0.0", rules: anybodyPulls });
  await expect(registry.reconfigure({})).rejects.toMatchObject({ code: "REGISTRY_OPEN" });
});

const openssl = Bun.which("openssl");
if (!openssl) console.log("skipped: a changed certificate is not tested without openssl");
test.skipIf(!openssl)(
  "a new certificate is served at the same port, and who is connected is not cut off",
  async () => {
    const certificate = (name: string) => {
      const files = ["-keyout", join(folder, `${name}.key`), "-out", join(folder, `${name}.pem`)];
      const subject = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1"];
      const args = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", ...subject, ...files];
      expect(Bun.spawnSync([openssl!, ...args], { stderr: "ignore" }).exitCode).toBe(0);
      const read = (ending: string) => readFileSync(join(folder, `${name}.${ending}`), "utf8");
      return { cert: read("pem"), key: read("key") };
    };
    const [one, two] = [certificate("one"), certificate("two")];
    await using registry = await Registry.start({ tls: one });
    const ask = (ca: string, init: RequestInit = {}) =>
      fetch(`${registry.url}v2/a/blobs/uploads/`, {
        ...{ method: "POST", tls: { ca }, keepalive: false, ...init },
      });
    const { promise, resolve } = Promise.withResolvers<void>();
    const body = new ReadableStream({
      async start(controller) {
        controller.enqueue(new TextEncoder().encode("first "));
        await promise;
        controller.enqueue(new TextEncoder().encode("second"));
        controller.close();
      },
    });
    const begun = await ask(one.cert);
    const slow = fetch(new URL(begun.headers.get("location")!, registry.url), {
      ...{ method: "PATCH", body, tls: { ca: one.cert } },
    });
    await arrival(new URL(begun.headers.get("location")!, registry.url), 6, { tls: { ca: one.cert } });
    await expect(registry.reconfigure({ tls: { ...one, key: two.key } })).rejects.toMatchObject({
      code: "REGISTRY_SERVER_CONFIG",
    });
    const { port } = registry;
    await registry.reconfigure({ tls: two });
    expect(registry.port).toBe(port);
    expect((await ask(two.cert)).status).toBe(202);
    await expect(ask(one.cert)).rejects.toThrow();
    resolve();
    expect((await slow).headers.get("range")).toBe("0-11");
  },
);

test("metrics and health have an address of their own, which says that the registry is stopping", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  const admit = () => {
    asked.resolve();
    return promise;
  };
  const registry = await Registry.start({ rules: anybodyPulls, reports: { port: 0 }, admit });
  const reports = registry.reportsURL!;
  expect((await fetch(`${registry.url}metrics`)).status).toBe(401);
  expect(await (await fetch(`${reports}metrics`)).text()).toContain("strake_registry_requests_total");
  expect((await fetch(`${reports}v2/`)).status).toBe(404);
  expect((await fetch(`${reports}readyz`)).status).toBe(200);
  await registry.reconfigure({});
  const push = fetch(`${registry.url}v2/a/blobs/uploads/?digest=sha256:${"0".repeat(64)}`, {
    method: "POST",
  });
  const held = fetch(
    `${registry.url}v2/a/blobs/uploads/?digest=sha256:${new Bun.CryptoHasher("sha256").update("x").digest("hex")}`,
    { method: "POST", body: "x" },
  );
  expect((await push).status).toBe(400);
  await asked.promise;
  const stopped = registry.stop({ grace: 5000 });
  expect([(await fetch(`${reports}readyz`)).status, (await fetch(`${reports}healthz`)).status]).toEqual([
    503, 200,
  ]);
  resolve();
  expect((await held).status).toBe(201);
  await stopped;
  await expect(fetch(`${reports}healthz`)).rejects.toThrow();
});

test("an upload that does not end is cut off when the time is over", async () => {
  const registry = await Registry.start();
  const begun = await fetch(`${registry.url}v2/a/blobs/uploads/`, { method: "POST" });
  const url = new URL(begun.headers.get("location")!, registry.url);
  const socket = connect(registry.port, "127.0.0.1", () =>
    socket.write(`PATCH ${url.pathname} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nxy`),
  );
  const closed = new Promise((done) => socket.on("close", done));
  socket.on("error", () => {});
  await arrival(url, 2);
  await registry.stop({ grace: 200 });
  await closed;
});

test("commands reach the process that serves a folder, through a path of any length", async () => {
  const root = join(folder, "a".repeat(120), "images");
  const storage = await FileStore.open(root);
  const control = join(root, "control.sock");
  // Left behind by a process that was killed.
  writeFileSync(control, "");
  const registry = await Registry.start({ storage, control, collection: { retention: [{ keepLast: 1 }] } });
  const client = new ControlClient(control);
  expect(await client.collect({ dryRun: true })).toMatchObject({ dryRun: true, interrupted: false });
  expect(await client.retain(undefined, { dryRun: true })).toEqual({
    dryRun: true,
    removed: [],
    refused: [],
  });
  expect(await client.scrub()).toEqual({ blobs: 0, bytes: 0, damaged: [] });
  expect(await client.trash()).toEqual([]);
  expect(await client.emptyTrash("a")).toBe(0);
  expect(await client.restore("a", `sha256:${"0".repeat(64)}` as never)).toBeUndefined();
  const scopes = [{ repositories: ["**"], actions: ["pull"] as const }];
  const made = await client.createRobot({ name: "ci", scopes, lifetime: 60 });
  expect(made).toMatchObject({ username: "robot+ci", secret: expect.stringContaining("strake_") });
  await expect(client.createRobot({ name: "ci", scopes, lifetime: 60 })).rejects.toMatchObject({
    code: "OBJECT_CHANGED",
  });
  expect(await client.robots()).toEqual([expect.objectContaining({ name: "ci" })]);
  expect(await client.revokeRobot("ci")).toBe(true);
  await expect(client.retain([{}])).rejects.toMatchObject({ code: "USAGE" });
  await registry.stop();
  await expect(client.trash()).rejects.toMatchObject({ code: "REGISTRY_STORAGE_BUSY" });
});

test("a command that is interrupted stops its work in the process that serves, and the socket is for its owner alone", async () => {
  const storage = new MemoryStore();
  for (let i = 0; i < 300; i++) {
    const digest = new Bun.CryptoHasher("sha256").update(String(i)).digest("hex");
    await storage.put(`blobs/sha256/${digest}`, new TextEncoder().encode(String(i)));
  }
  let reads = 0;
  const get = storage.get.bind(storage);
  storage.get = async (key, range) => {
    reads++;
    await Bun.sleep(5);
    return get(key, range);
  };
  const control = join(folder, "interrupted.sock");
  await using registry = await Registry.start({ storage, control });
  expect(statSync(control).mode & 0o777).toBe(0o600);
  const interrupt = new AbortController();
  const scrub = new ControlClient(control).scrub({ signal: interrupt.signal });
  while (reads < 5) await Bun.sleep(1);
  interrupt.abort();
  await expect(scrub).rejects.toMatchObject({ code: "CANCELED" });
  await Bun.sleep(200);
  const stopped = reads;
  await Bun.sleep(200);
  expect([reads, stopped < 300]).toEqual([stopped, true]);
  expect((await registry.scrub()).blobs).toBe(300);
}, 120_000);
