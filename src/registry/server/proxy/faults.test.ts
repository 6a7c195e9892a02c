import { afterAll, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findS3Server, s3Credentials, startS3Server } from "../../../../test/support/s3-server.ts";
import { StrakeError } from "../../../errors/index.ts";
import { type AccessRecord, FileStore, MemoryStore, type ObjectStore, Registry, S3Store } from "../index.ts";
import { ownClock } from "../own-clock.test-support.ts";
import { cached, digestOf, type Meddle, meddler, pushImage } from "./upstream.test-support.ts";

const later = ownClock();
const base = mkdtempSync(join(tmpdir(), "strake-registry-proxy-"));
const found = findS3Server();
if ("reason" in found) console.log(`the cache over S3 is not tested: ${found.reason}`);
const s3 = "path" in found ? await startS3Server(found.path) : undefined;
afterAll(async () => {
  await s3?.[Symbol.asyncDispose]();
  rmSync(base, { recursive: true, force: true });
});

const drivers: [string, () => Promise<ObjectStore>][] = [
  ["memory", async () => new MemoryStore()],
  ["files", () => FileStore.open(mkdtempSync(join(base, "data-")))],
];
if (s3)
  drivers.push([
    "s3",
    () => S3Store.open({ endpoint: s3.endpoint, bucket: s3.bucket(), credentials: s3Credentials }),
  ]);

const isBlob = (request: { url?: string | undefined }) => request.url?.includes("/blobs/") ?? false;

/** Sends the blob slowly: half of it, and the rest when it is let. */
function halves(bytes: Buffer): { meddle: Meddle; goOn: () => void } {
  const gate = Promise.withResolvers<void>();
  const meddle: Meddle = (request, response) => {
    if (!isBlob(request) || request.method !== "GET") return false;
    response.writeHead(200, { "Content-Length": String(bytes.length) });
    response.write(bytes.subarray(0, bytes.length / 2));
    void gate.promise.then(() => response.end(bytes.subarray(bytes.length / 2)));
    return true;
  };
  return { meddle, goOn: gate.resolve };
}

test.each(drivers)(
  "%s: a hundred clients that ask at once are one download, and read while it comes",
  async (_, open) => {
    await using shop = await cached({ storage: await open() });
    const layer = randomBytes(9_000_000);
    const digest = digestOf(layer);
    const { meddle, goOn } = halves(layer);
    shop.wire.state.meddle = meddle;
    const path = `hub/app/blobs/${digest}`;
    const read = async (response: Response) => {
      const bytes = Buffer.from(await response.arrayBuffer());
      return [response.status, bytes.equals(layer)];
    };
    const clients = Array.from({ length: 100 }, async () => read(await shop.get(path)));
    // Bytes arrive before the whole is there.
    const early = await shop.get(path);
    const reader = early.body!.getReader();
    let seen = 0;
    while (seen < 4_000_000) seen += (await reader.read()).value!.byteLength;
    // A range of what came, one of what is to come, and a client that goes away.
    const first = await shop.get(path, { headers: { Range: "bytes=10-19" } });
    expect([first.status, first.headers.get("content-range")]).toEqual([206, "bytes 10-19/9000000"]);
    expect(Buffer.from(await first.arrayBuffer())).toEqual(layer.subarray(10, 20));
    const last = shop.get(path, { headers: { Range: "bytes=-5" } });
    expect((await shop.get(path, { headers: { Range: "bytes=9000000-" } })).status).toBe(416);
    await reader.cancel();
    goOn();
    expect(await Promise.all(clients)).toEqual(clients.map(() => [200, true]));
    expect(Buffer.from(await (await last).arrayBuffer())).toEqual(layer.subarray(-5));
    expect(await read(await shop.get(path))).toEqual([200, true]);
    expect(shop.wire.seen).toEqual([`GET /v2/app/blobs/${digest}`]);
  },
);

test.each(drivers)(
  "%s: a blob with the wrong digest is broken off before its end, a small one refused; nothing is stored",
  async (_, open) => {
    const storage = await open();
    await using shop = await cached({ storage });
    const layer = randomBytes(3_000_000);
    const small = randomBytes(300_000);
    shop.wire.state.meddle = (request, response) => {
      if (!isBlob(request)) return false;
      const wrong = Buffer.from(request.url!.endsWith(digestOf(small)) ? small : layer);
      wrong[wrong.length - 1]! ^= 1;
      response.writeHead(200, { "Content-Length": String(wrong.length) });
      response.end(wrong);
      return true;
    };
    const clients = Array.from({ length: 5 }, async () => {
      let received = 0;
      try {
        const { body } = await shop.get(`hub/app/blobs/${digestOf(layer)}`);
        for await (const chunk of body!) received += chunk.byteLength;
        return "complete";
      } catch {
        return received < layer.length ? "broken off" : "all of it";
      }
    });
    expect(await Promise.all(clients)).toEqual(clients.map(() => "broken off"));
    const metrics = await (await fetch(new URL("/metrics", shop.cache.url))).text();
    expect(metrics).toContain('proxy_failures_total{upstream="hub",code="BLOB_MISMATCH"} 1');
    const refused = await shop.get(`hub/app/blobs/${digestOf(small)}`);
    expect([refused.status, await refused.json()]).toMatchObject([
      502,
      { errors: [{ code: "UNAVAILABLE" }] },
    ]);
    for (const prefix of ["blobs/", "repos/", "cache/"])
      expect(await storage.list(prefix, { limit: 9 })).toEqual([]);
    expect(await storage.staleUploads(Date.now() + 1000)).toEqual([]);
    shop.wire.state.meddle = () => false;
    await pushImage(shop.upstream.url, "app", "v1", { layer });
    const right = await shop.get(`hub/app/blobs/${digestOf(layer)}`);
    expect(Buffer.from(await right.arrayBuffer()).equals(layer)).toBe(true);
  },
);

test("an upstream that breaks off is asked for the rest; one that is dead breaks the clients off", async () => {
  await using shop = await cached();
  const { wire, get } = shop;
  const layer = randomBytes(2_000_000);
  const digest = digestOf(layer);
  const ranges: (string | undefined)[] = [];
  await pushImage(shop.upstream.url, "app", "v1", { layer });
  let cuts = 2;
  wire.state.meddle = (request, response) => {
    if (!isBlob(request)) return false;
    ranges.push(request.headers.range);
    if (cuts-- <= 0) return false;
    const from = Number(/\d+/.exec(request.headers.range ?? "0")![0]);
    const headers = { "Content-Length": String(layer.length - from), "Content-Range": `bytes ${from}-/*` };
    response.writeHead(from > 0 ? 206 : 200, headers);
    response.write(layer.subarray(from, from + 500_000), () => response.destroy());
    return true;
  };
  const whole = await get(`hub/app/blobs/${digest}`);
  expect(Buffer.from(await whole.arrayBuffer()).equals(layer)).toBe(true);
  expect(ranges).toEqual([undefined, "bytes=500000-", "bytes=1000000-"]);

  const other = randomBytes(2_000_000);
  await pushImage(shop.upstream.url, "app", "v2", { layer: other });
  const { meddle } = halves(other);
  wire.state.meddle = meddle;
  const dying = await get(`hub/app/blobs/${digestOf(other)}`);
  wire[Symbol.dispose]();
  await expect(dying.arrayBuffer()).rejects.toThrow();
  const refused = await get(`hub/app/blobs/${digestOf(other)}`);
  expect([refused.status, await refused.json()]).toMatchObject([502, { errors: [{ code: "UNAVAILABLE" }] }]);
});

test("with the upstream gone everything that is held is served, with a warning where it might be old", async () => {
  const records: AccessRecord[] = [];
  await using shop = await cached({ config: { ttl: 0 }, log: (record) => records.push(record) });
  const image = await pushImage(shop.upstream.url, "app", "v1");
  await pushImage(shop.upstream.url, "app", "v2");
  await shop.get("hub/app/manifests/v1");
  await (await shop.get(`hub/app/blobs/${digestOf(image.layer)}`)).arrayBuffer();
  shop.wire[Symbol.dispose]();
  const offline = await shop.get("hub/app/manifests/v1");
  expect([offline.status, await offline.text()]).toEqual([200, image.body]);
  expect(offline.headers.get("warning")).toStartWith("110 ");
  const byDigest = await shop.get(`hub/app/manifests/${image.digest}`);
  expect([byDigest.status, byDigest.headers.get("warning")]).toEqual([200, null]);
  expect((await shop.get(`hub/app/blobs/${digestOf(image.layer)}`)).status).toBe(200);
  const missing = await shop.get("hub/app/manifests/v2");
  expect(missing.status).toBe(502);
  // Where the upstream is, is the log's and not the client's to know.
  const { host } = new URL(shop.wire.url);
  expect(await missing.text()).not.toContain(host);
  expect(records.at(-1)).toMatchObject({ upstream: "hub", error: expect.stringContaining(host) });
  expect(records.some(({ cache }) => cache === "stale")).toBe(true);
});

test.each([
  [429, 429],
  [500, 502],
  [503, 502],
])(
  "an upstream that answers %d: what is held is served, what is not is refused with %d",
  async (status, answer) => {
    await using shop = await cached({ config: { ttl: 0 } });
    const image = await pushImage(shop.upstream.url, "app", "v1");
    expect((await shop.get("hub/app/manifests/v1")).status).toBe(200);
    shop.wire.state.meddle = (_, response) => {
      response.writeHead(status, { "Retry-After": "3600" }).end();
      return true;
    };
    const before = shop.wire.seen.length;
    for (let i = 0; i < 5; i++) {
      const held = await shop.get("hub/app/manifests/v1");
      expect([held.status, held.headers.get("docker-content-digest")]).toEqual([200, image.digest]);
      expect(held.headers.get("warning")).toStartWith("110 ");
    }
    // It is left alone for a while.
    expect(shop.wire.seen.length - before).toBe(1);
    const refused = await shop.get("hub/app/manifests/v2");
    expect(refused.status).toBe(answer);
    // Who may come again is told when, in the upstream's words.
    expect(refused.headers.get("retry-after")).toBe(status === 429 ? "3600" : null);
  },
);

test("a cache without room serves what it holds, a tag as it was, until there is room again", async () => {
  const storage = new MemoryStore();
  await using shop = await cached({ storage, config: { ttl: 0 }, collection: { grace: 0 } });
  const first = await pushImage(shop.upstream.url, "app", "v1");
  for (const path of [`manifests/v1`, `blobs/${digestOf(first.layer)}`])
    await (await shop.get(`hub/app/${path}`)).arrayBuffer();
  const second = await pushImage(shop.upstream.url, "app", "v1");
  const put = storage.put.bind(storage);
  storage.put = () => Promise.reject(new StrakeError("REGISTRY_FULL", "no space left on device"));
  for (const method of ["GET", "HEAD"]) {
    const held = await shop.get("hub/app/manifests/v1", { method });
    expect([held.status, held.headers.get("docker-content-digest")]).toEqual([200, first.digest]);
    expect(held.headers.get("warning")).toStartWith("110 ");
    expect((await shop.get(`hub/app/blobs/${digestOf(first.layer)}`, { method })).status).toBe(200);
  }
  expect((await shop.get(`hub/app/manifests/${second.digest}`)).status).toBe(507);
  storage.put = put;
  const moved = await shop.get("hub/app/manifests/v1");
  expect([moved.status, moved.headers.get("docker-content-digest")]).toEqual([200, second.digest]);
});

test("an upstream that allows no more requests is not asked again before a minute is over, whatever else is asked for", async () => {
  later(0);
  await using shop = await cached();
  await pushImage(shop.upstream.url, "app", "v1");
  shop.wire.state.meddle = (_, response) => {
    response.writeHead(429, { "Retry-After": "90" }).end();
    return true;
  };
  const ask = async (path: string) => {
    const answer = await shop.get(path);
    return [answer.status, answer.headers.get("retry-after")];
  };
  expect(await ask("hub/app/manifests/v1")).toEqual([429, "90"]);
  const before = shop.wire.seen.length;
  later(30_000);
  for (const path of ["hub/app/manifests/v2", "hub/other/manifests/v1", `hub/app/manifests/${digestOf("x")}`])
    expect([path, ...(await ask(path))]).toEqual([path, 429, "60"]);
  expect(shop.wire.seen.length).toBe(before);
  later(31_000);
  shop.wire.state.meddle = () => false;
  expect(await ask("hub/app/manifests/v1")).toEqual([200, null]);
});

test("an upstream that answers nothing is waited for once, and then left alone for a while", async () => {
  await using shop = await cached({ config: { ttl: 0, timeout: 200 } });
  const image = await pushImage(shop.upstream.url, "app", "v1");
  await shop.get("hub/app/manifests/v1");
  shop.wire.state.meddle = () => true;
  const before = shop.wire.seen.length;
  for (const path of ["hub/app/manifests/v2", "hub/app/manifests/v3", `hub/app/manifests/${digestOf("x")}`])
    expect([path, (await shop.get(path)).status]).toEqual([path, 502]);
  const held = await shop.get("hub/app/manifests/v1");
  expect([held.headers.get("docker-content-digest"), held.headers.get("warning")]).toEqual([
    image.digest,
    expect.stringMatching(/^110 /),
  ]);
  expect(await (await shop.get("hub/app/tags/list")).json()).toEqual({ name: "hub/app", tags: ["v1"] });
  expect(shop.wire.seen.slice(before)).toEqual(["GET /v2/app/manifests/v2"]);
});

test("an upstream that takes its time over a tag that is held keeps nobody waiting", async () => {
  await using shop = await cached({ config: { ttl: 0 } });
  const image = await pushImage(shop.upstream.url, "app", "v1");
  await shop.get("hub/app/manifests/v1");
  await pushImage(shop.upstream.url, "app", "v2");
  await shop.get("hub/app/manifests/v2");
  // It never answers.
  shop.wire.state.meddle = () => true;
  const before = shop.wire.seen.length;
  const held = await shop.get("hub/app/manifests/v1");
  expect([held.headers.get("docker-content-digest"), held.headers.get("warning")]).toEqual([
    image.digest,
    expect.stringMatching(/^110 /),
  ]);
  // Who asks next about another one is answered at once.
  expect((await shop.get("hub/app/manifests/v2")).headers.get("warning")).toStartWith("110 ");
  expect(shop.wire.seen.length - before).toBe(1);
});

test("a lying Content-Length, a wrong manifest and a huge one are refused", async () => {
  await using shop = await cached();
  const { wire, get } = shop;
  const layer = randomBytes(100_000);
  const digest = digestOf(layer);
  const lie = (length: number, bytes: Buffer): Meddle => {
    return (request, response) => {
      if (!isBlob(request)) return false;
      response.socket!.end(
        Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`), bytes]),
      );
      return true;
    };
  };
  for (const meddle of [lie(90_000, layer), lie(100_001, layer), lie(0, Buffer.alloc(0))]) {
    wire.state.meddle = meddle;
    const answer = await get(`hub/app/blobs/${digest}`);
    expect([answer.status, await answer.json()]).toMatchObject([502, { errors: [{ code: "UNAVAILABLE" }] }]);
    expect(await shop.cache.scrub()).toMatchObject({ blobs: 0 });
  }
  const image = await pushImage(shop.upstream.url, "app", "v1");
  for (const body of [image.body.replace("amd64", "arm64").replace("{", "{ "), `{${" ".repeat(5 << 20)}}`]) {
    wire.state.meddle = (_, response) => {
      response.writeHead(200, { "Content-Type": JSON.parse(image.body).mediaType }).end(body);
      return true;
    };
    const answer = await get(`hub/app/manifests/${image.digest}`);
    expect([answer.status, await answer.json()]).toMatchObject([502, { errors: [{ code: "UNAVAILABLE" }] }]);
    expect(await shop.cache.scrub()).toMatchObject({ blobs: 0 });
  }
});

test("SSRF: an upstream sends us to an address inside, with our credentials in mind", async () => {
  const visits: { authorization: string | undefined }[] = [];
  const layer = randomBytes(1000);
  using inside = await meddler("http://127.0.0.1:1");
  inside.state.meddle = (request, response) => {
    visits.push({ authorization: request.headers.authorization });
    response.end(request.url?.includes("token") ? JSON.stringify({ token: "x" }) : layer);
    return true;
  };
  const credentials = { username: "me", password: "secret" };
  await using shop = await cached({ config: { credentials, internalRedirects: false } });
  const { port } = new URL(inside.url);
  const wantsPassword = (response: Parameters<Meddle>[1]) =>
    response.writeHead(401, { "WWW-Authenticate": 'Basic realm="x"' }).end();
  let location = "";
  shop.wire.state.meddle = (request, response) => {
    if (request.headers.authorization === undefined) wantsPassword(response);
    else response.writeHead(307, { Location: location }).end();
    return true;
  };
  // By address, by name, and by what carries an address in an address.
  for (const host of ["127.0.0.1", "localhost", "[::ffff:7f00:1]", "[::1]"]) {
    location = `http://${host}:${port}/latest/meta-data`;
    const answer = await shop.get(`hub/app/blobs/${digestOf(layer)}`);
    expect([host, answer.status]).toEqual([host, 502]);
  }
  // A token server inside is not asked either.
  await using second = await cached({ config: { internalRedirects: false } });
  second.wire.state.meddle = (_, response) => {
    const challenge = `Bearer realm="http://127.0.0.1:${port}/token",service="x"`;
    response.writeHead(401, { "WWW-Authenticate": challenge }).end();
    return true;
  };
  expect((await second.get("hub/app/manifests/v1")).status).toBe(502);
  expect(visits).toEqual([]);
  // Where it may, it goes, and our credentials do not.
  await using third = await cached({ config: { credentials } });
  third.wire.state.meddle = shop.wire.state.meddle;
  location = `http://127.0.0.1:${port}/somewhere`;
  const got = await third.get(`hub/app/blobs/${digestOf(layer)}`);
  expect(Buffer.from(await got.arrayBuffer())).toEqual(layer);
  expect(visits).toEqual([{ authorization: undefined }]);
});

test("kill -9 in the middle of a download: no part of it is ever served, and the next one is whole", async () => {
  const folder = mkdtempSync(join(base, "killed-"));
  await using upstream = await Registry.start();
  using wire = await meddler(upstream.url.href);
  const layer = randomBytes(4_000_000);
  const digest = digestOf(layer);
  await pushImage(upstream.url, "app", "v1", { layer });
  const { meddle } = halves(layer);
  wire.state.meddle = meddle;
  const proxy = [{ prefix: "hub", upstream: wire.url }];
  const program = `
    import { FileStore, Registry } from ${JSON.stringify(join(import.meta.dir, "..", "index.ts"))};
    const storage = await FileStore.open(${JSON.stringify(folder)});
    const registry = await Registry.start({ storage, proxy: ${JSON.stringify(proxy)} });
    console.log(registry.url.href);`;
  const child = Bun.spawn([process.execPath, "-e", program], { stdout: "pipe", stderr: "inherit" });
  const url = new TextDecoder().decode((await child.stdout.getReader().read()).value).trim();
  const half = await fetch(`${url}v2/hub/app/blobs/${digest}`);
  const reader = half.body!.getReader();
  for (let seen = 0; seen < 1_900_000; ) seen += (await reader.read()).value!.byteLength;
  child.kill("SIGKILL");
  await child.exited;
  await reader.cancel().catch(() => {});
  expect(readdirSync(join(folder, "uploads"))).toHaveLength(2);
  wire.state.meddle = () => false;
  await using cache = await Registry.start({ storage: await FileStore.open(folder), proxy });
  const whole = await fetch(`${cache.url}v2/hub/app/blobs/${digest}`);
  expect(Buffer.from(await whole.arrayBuffer()).equals(layer)).toBe(true);
  expect(wire.count("GET", digest)).toBe(2);
  expect(await cache.collect({ uploads: 0 })).toMatchObject({ uploads: 0 });
});

test.skipIf(!s3)("two replicas over one bucket: what one fetched, the other holds", async () => {
  await using upstream = await Registry.start();
  using wire = await meddler(upstream.url.href);
  const image = await pushImage(upstream.url, "app", "v1", { size: 9_000_000 });
  const options = { endpoint: s3!.endpoint, bucket: s3!.bucket(), credentials: s3Credentials };
  const start = async () =>
    Registry.start({ storage: await S3Store.open(options), proxy: [{ prefix: "hub", upstream: wire.url }] });
  await using one = await start();
  await using other = await start();
  const path = `v2/hub/app/blobs/${digestOf(image.layer)}`;
  // Both at once may fetch it twice; what is stored is the same.
  const both = await Promise.all(
    [one, other].map(async ({ url }) => (await fetch(url + path)).arrayBuffer()),
  );
  for (const bytes of both) expect(Buffer.from(bytes).equals(image.layer)).toBe(true);
  const before = wire.seen.length;
  await fetch(`${one.url}v2/hub/app/manifests/v1`);
  expect((await fetch(`${other.url}v2/hub/app/manifests/${image.digest}`)).status).toBe(200);
  expect(Buffer.from(await (await fetch(other.url + path)).arrayBuffer()).equals(image.layer)).toBe(true);
  expect(wire.seen.slice(before)).toEqual(["GET /v2/app/manifests/v1"]);
});
