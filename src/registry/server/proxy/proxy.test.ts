import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mediaTypes } from "../../../oci/index.ts";
import { type AccessRecord, decodeProxyConfig, MemoryStore, Registry } from "../index.ts";
import { ownClock } from "../own-clock.test-support.ts";
import { cached, digestOf, meddler, pushImage, putManifest } from "./upstream.test-support.ts";

const later = ownClock();

test("a miss fetches what is asked and nothing else, a hit asks nobody", async () => {
  const records: AccessRecord[] = [];
  await using shop = await cached({ log: (record) => records.push(record) });
  const { upstream, wire, get } = shop;
  const image = await pushImage(upstream.url, "team/app", "v1");
  await pushImage(upstream.url, "team/app", "v2");
  for (let round = 0; round < 3; round++) {
    const manifest = await get("hub/team/app/manifests/v1");
    expect([manifest.status, await manifest.text()]).toEqual([200, image.body]);
    expect(manifest.headers.get("content-type")).toBe(mediaTypes.ociManifest);
    expect(manifest.headers.get("docker-content-digest")).toBe(image.digest);
    const blob = await get(`hub/team/app/blobs/${digestOf(image.layer)}`);
    expect(Buffer.from(await blob.arrayBuffer())).toEqual(image.layer);
  }
  expect(wire.seen).toEqual([
    "GET /v2/team/app/manifests/v1",
    `GET /v2/team/app/blobs/${digestOf(image.layer)}`,
  ]);
  expect(records.map(({ upstream, cache }) => `${upstream} ${cache}`)).toEqual([
    "hub miss",
    "hub miss",
    ...["hub hit", "hub hit", "hub hit", "hub hit"],
  ]);
  const metrics = await (await fetch(new URL("/metrics", shop.cache.url))).text();
  expect(metrics).toContain(`proxy_requests_total{upstream="hub",kind="blob",result="hit"} 2`);
  expect(metrics).toContain(`proxy_received_bytes_total{upstream="hub"} 1000`);
});

test("of an index only the child and blobs that are asked for come; the index is served as it is", async () => {
  await using shop = await cached();
  const { upstream, wire, get } = shop;
  const children = [];
  for (const architecture of ["amd64", "arm64", "s390x"]) {
    const { digest, body, layer } = await pushImage(upstream.url, "multi", "");
    const platform = { os: "linux", architecture };
    children.push({ mediaType: mediaTypes.ociManifest, digest, size: body.length, platform, layer });
  }
  const manifests = children.map(({ layer: _, ...descriptor }) => descriptor);
  const body = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests });
  await putManifest(upstream.url, "multi", "latest", { body, mediaType: mediaTypes.ociIndex });
  expect((await get("hub/multi/manifests/latest", { method: "HEAD" })).status).toBe(200);
  expect(await (await get("hub/multi/manifests/latest")).text()).toBe(body);
  const { digest, layer } = children[1]!;
  expect((await get(`hub/multi/manifests/${digest}`)).status).toBe(200);
  expect((await get(`hub/multi/blobs/${digestOf(layer)}`)).status).toBe(200);
  expect(wire.seen).toEqual([
    "GET /v2/multi/manifests/latest",
    `GET /v2/multi/manifests/${digest}`,
    `GET /v2/multi/blobs/${digestOf(layer)}`,
  ]);
});

test("many upstreams by prefix; ns= leads to the upstream, never to an image of our own with that name", async () => {
  await using one = await Registry.start();
  await using other = await Registry.start();
  const inOne = await pushImage(one.url, "library/debian", "12");
  const inOther = await pushImage(other.url, "library/debian", "12");
  await using cache = await Registry.start({
    proxy: [
      { prefix: "docker.io", upstream: one.url.origin, namespaces: ["docker.io"], library: true },
      { prefix: "quay.io", upstream: other.url.origin, namespaces: ["quay.io"] },
      { prefix: "quay.io/deep", upstream: `${other.url.origin}/library`, namespaces: [] },
    ],
    names: ["registry.internal"],
  });
  const own = await pushImage(cache.url, "library/debian", "12");
  const ask = async (name: string, query = "") => {
    const response = await fetch(new URL(`/v2/${name}/manifests/12${query}`, cache.url));
    return response.status === 200 ? response.headers.get("docker-content-digest") : response.status;
  };
  expect(await ask("docker.io/library/debian")).toBe(inOne.digest);
  expect(await ask("docker.io/debian")).toBe(inOne.digest);
  expect(await ask("quay.io/library/debian")).toBe(inOther.digest);
  expect(await ask("quay.io/debian")).toBe(404);
  expect(await ask("quay.io/deep/debian")).toBe(inOther.digest);
  expect(await ask("library/debian")).toBe(own.digest);
  expect(await ask("library/debian", "?ns=docker.io")).toBe(inOne.digest);
  expect(await ask("library/debian", "?ns=quay.io")).toBe(inOther.digest);
  expect(await ask("library/debian", "?ns=ghcr.io")).toBe(404);
  expect(await ask("library/debian", "?ns=registry.internal")).toBe(own.digest);
  expect(await ask("library/debian", `?ns=${cache.host}`)).toBe(own.digest);
  const named = await fetch(new URL("/v2/library/debian/manifests/12?ns=docker.io", cache.url));
  expect(named.headers.get("oci-namespace")).toBe("docker.io");
  const { repositories } = (await (await fetch(new URL("/v2/_catalog", cache.url))).json()) as {
    repositories: string[];
  };
  expect(repositories).toEqual([
    "docker.io/library/debian",
    "library/debian",
    "quay.io/deep/debian",
    "quay.io/library/debian",
  ]);
});

test("a tag is asked about after its ttl, with HEAD; what moved is fetched by its digest", async () => {
  await using shop = await cached({ config: { ttl: 150 } });
  later(0);
  const { upstream, wire, get } = shop;
  const first = await pushImage(upstream.url, "app", "latest");
  const digest = async () => (await get("hub/app/manifests/latest")).headers.get("docker-content-digest");
  expect(await digest()).toBe(first.digest);
  expect(await digest()).toBe(first.digest);
  later(160);
  expect(await digest()).toBe(first.digest);
  expect(wire.seen).toEqual(["GET /v2/app/manifests/latest", "HEAD /v2/app/manifests/latest"]);
  const second = await pushImage(upstream.url, "app", "latest");
  expect(await digest()).toBe(first.digest);
  later(160);
  expect(await digest()).toBe(second.digest);
  expect(wire.seen.slice(2)).toEqual([
    "HEAD /v2/app/manifests/latest",
    `GET /v2/app/manifests/${second.digest}`,
  ]);
  // A tag that is gone is gone; what it was is still there by digest.
  await fetch(new URL("/v2/app/manifests/latest", upstream.url), { method: "DELETE" });
  later(160);
  expect((await get("hub/app/manifests/latest")).status).toBe(404);
  expect((await get(`hub/app/manifests/${second.digest}`)).status).toBe(200);
});

test("a tag that is immutable here stays what it was first", async () => {
  const rules = {
    policies: [{ repositories: ["**"], actions: ["pull" as const], anonymous: true }],
    immutableTags: [{ repositories: ["hub/**"], tags: ["v*"] }],
  };
  await using shop = await cached({ rules, config: { ttl: 0 } });
  const first = await pushImage(shop.upstream.url, "app", "v1");
  const digest = async () => (await shop.get("hub/app/manifests/v1")).headers.get("docker-content-digest");
  expect(await digest()).toBe(first.digest);
  await pushImage(shop.upstream.url, "app", "v1");
  expect(await digest()).toBe(first.digest);
});

test("what the upstream does not have is asked for once in a while", async () => {
  await using shop = await cached({ config: { missTtl: 200 } });
  later(0);
  const { upstream, wire, get } = shop;
  const digest = digestOf("nothing");
  for (let i = 0; i < 3; i++) {
    const tag = await get("hub/app/manifests/v1");
    expect([tag.status, await tag.json()]).toMatchObject([404, { errors: [{ code: "MANIFEST_UNKNOWN" }] }]);
    expect((await get(`hub/app/manifests/${digest}`)).status).toBe(404);
    const blob = await get(`hub/app/blobs/${digest}`);
    expect([blob.status, await blob.json()]).toMatchObject([404, { errors: [{ code: "BLOB_UNKNOWN" }] }]);
    expect((await get("hub/app/tags/list")).status).toBe(404);
  }
  expect(wire.seen).toHaveLength(4);
  const { digest: pushed } = await pushImage(upstream.url, "app", "v1");
  later(210);
  expect((await get("hub/app/manifests/v1")).headers.get("docker-content-digest")).toBe(pushed);
});

test("nothing is pushed to a cache; deleting makes it forget", async () => {
  await using shop = await cached();
  const { upstream, cache, get } = shop;
  const image = await pushImage(upstream.url, "app", "v1");
  await get("hub/app/manifests/v1");
  const refused = [
    get("hub/app/blobs/uploads/", { method: "POST" }),
    get(`hub/app/blobs/uploads/?mount=${digestOf(image.layer)}&from=other`, { method: "POST" }),
    get("hub/app/manifests/v2", { method: "PUT", body: image.body }),
    get("hub/new/blobs/uploads/?ns=hub", { method: "POST" }),
  ];
  for (const answer of await Promise.all(refused))
    expect([answer.status, await answer.text()]).toEqual([
      403,
      expect.stringContaining("a cache of another"),
    ]);
  expect((await get("hub/app/manifests/v1", { method: "DELETE" })).status).toBe(202);
  expect(await cache.trash()).toEqual([]);
  expect((await get("hub/app/manifests/v1")).headers.get("docker-content-digest")).toBe(image.digest);
  expect(shop.wire.count("GET", "/v2/app/manifests/v1")).toBe(2);
});

test("a layer that came through one repository is linked to another once the upstream says it holds it", async () => {
  await using shop = await cached();
  const { upstream, wire, get } = shop;
  const base = await pushImage(upstream.url, "base", "v1");
  await pushImage(upstream.url, "derived", "v1", { layer: base.layer });
  const digest = digestOf(base.layer);
  expect((await get(`hub/base/blobs/${digest}`)).status).toBe(200);
  expect((await get(`hub/stranger/blobs/${digest}`)).status).toBe(404);
  const got = await get(`hub/derived/blobs/${digest}`);
  expect(Buffer.from(await got.arrayBuffer())).toEqual(base.layer);
  expect(wire.seen.filter((line) => line.endsWith(digest))).toEqual([
    `GET /v2/base/blobs/${digest}`,
    `HEAD /v2/stranger/blobs/${digest}`,
    `HEAD /v2/derived/blobs/${digest}`,
  ]);
});

test("a blob that was pushed here privately is not given out because an upstream claims to have it", async () => {
  await using shop = await cached();
  const own = await pushImage(shop.cache.url, "private/app", "v1");
  const digest = digestOf(own.layer);
  shop.wire.state.meddle = (_, response) => {
    response.writeHead(200, { "Content-Length": String(own.layer.length) });
    response.end(Buffer.alloc(own.layer.length));
    return true;
  };
  expect((await shop.get(`hub/evil/blobs/${digest}`, { method: "HEAD" })).status).toBe(200);
  expect((await shop.get(`hub/evil/blobs/${digest}`)).status).toBe(502);
});

test("tags and referrers are the upstream's; with the upstream gone they are what is here", async () => {
  const shop = await cached({ config: { ttl: 100 } });
  later(0);
  await using _ = shop;
  const { upstream, wire, get } = shop;
  const image = await pushImage(upstream.url, "app", "b");
  for (const tag of ["a", "c", "d"]) await pushImage(upstream.url, "app", tag);
  const config = { mediaType: mediaTypes.ociEmpty, digest: digestOf("{}"), size: 2 };
  await fetch(new URL(`/v2/app/blobs/uploads/?digest=${config.digest}`, upstream.url), {
    method: "POST",
    body: "{}",
  });
  const subject = { mediaType: mediaTypes.ociManifest, digest: image.digest, size: image.body.length };
  const body = JSON.stringify({
    ...{
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      artifactType: "test/x",
      config,
      layers: [config],
    },
    subject,
  });
  const referrer = digestOf(body);
  await putManifest(upstream.url, "app", referrer, { body, mediaType: mediaTypes.ociManifest });
  const tags = async (query = "") => {
    const response = await get(`hub/app/tags/list${query}`);
    return [((await response.json()) as { tags: string[] }).tags, response.headers.get("link")];
  };
  const referrers = async () => {
    const response = await get(`hub/app/referrers/${image.digest}`);
    const { manifests } = (await response.json()) as { manifests: { digest: string }[] };
    return [manifests.map(({ digest }) => digest), response.headers.get("warning") !== null];
  };
  expect(await tags()).toEqual([["a", "b", "c", "d"], null]);
  expect(await tags("?n=2&last=a")).toEqual([["b", "c"], expect.stringContaining("last=c")]);
  expect(wire.seen).toHaveLength(1);
  expect(await referrers()).toEqual([[referrer], false]);
  await get("hub/app/manifests/b");
  await get(`hub/app/manifests/${referrer}`);
  later(110);
  wire[Symbol.dispose]();
  expect(await tags()).toEqual([["b"], null]);
  expect(await referrers()).toEqual([[referrer], true]);
});

test("policies hold for what is cached, by the name that is asked for", async () => {
  const rules = {
    policies: [{ repositories: ["hub/open/**"], actions: ["pull" as const], anonymous: true }],
  };
  await using shop = await cached({ rules, config: { namespaces: ["hub.example"] } });
  await pushImage(shop.upstream.url, "open/app", "v1");
  await pushImage(shop.upstream.url, "closed/app", "v1");
  const status = async (path: string) => (await shop.get(path)).status;
  expect(await status("hub/open/app/manifests/v1")).toBe(200);
  expect(await status("hub/closed/app/manifests/v1")).toBe(401);
  expect(await status("open/app/manifests/v1?ns=hub.example")).toBe(200);
  expect(await status("closed/app/manifests/v1?ns=hub.example")).toBe(401);
  expect(shop.wire.seen.filter((line) => line.includes("closed"))).toEqual([]);
});

test("the upstream's credentials reach the upstream and nobody else", async () => {
  const secret = "very-secret-password";
  const records: AccessRecord[] = [];
  await using upstream = await Registry.start();
  const { digest } = await pushImage(upstream.url, "app", "v1");
  using wire = await meddler(upstream.url.href);
  const header = `Basic ${Buffer.from(`me:${secret}`).toString("base64")}`;
  wire.state.meddle = (request, response) => {
    if (request.headers.authorization === header) return false;
    const body = JSON.stringify({ errors: [{ code: "UNAUTHORIZED", message: "who is there?" }] });
    response.writeHead(401, { "WWW-Authenticate": 'Basic realm="x"' }).end(body);
    return true;
  };
  const start = (password: string) =>
    Registry.start({
      proxy: [{ prefix: "hub", upstream: wire.url, credentials: { username: "me", password } }],
      log: (record) => records.push(record),
    });
  await using cache = await start(secret);
  const answer = await fetch(new URL("/v2/hub/app/manifests/v1", cache.url));
  expect(answer.headers.get("docker-content-digest")).toBe(digest);
  await using wrong = await start(`${secret}-wrong`);
  const refused = await fetch(new URL("/v2/hub/app/manifests/v1", wrong.url));
  expect(refused.status).toBe(404);
  const told = JSON.stringify([records, [...answer.headers], [...refused.headers], await refused.text()]);
  expect(told).toContain("refused the user name or password of me");
  expect(told).not.toContain(secret);
  expect(told).not.toContain(header.slice(6));
  expect(await (await fetch(new URL("/metrics", wrong.url))).text()).not.toContain(secret);
});

test("an upstream with tokens and a certificate of its own; the password is a file's", async () => {
  const folder = mkdtempSync(join(tmpdir(), "strake-registry-upstream-"));
  try {
    const certify = (name: string) => {
      const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)];
      const subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
      const made = Bun.spawnSync([
        ...["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
        ...["-days", "2", "-keyout", key, "-out", cert, ...subject],
      ]);
      expect(made.exitCode).toBe(0);
      return { key, cert };
    };
    const { key, cert } = certify("right");
    const htpasswd = join(folder, "users");
    writeFileSync(htpasswd, `me:${await Bun.password.hash("secret", { algorithm: "bcrypt", cost: 4 })}\n`);
    writeFileSync(join(folder, "password"), "secret\n");
    const storage = new MemoryStore();
    await using open = await Registry.start({ storage });
    const { digest, layer } = await pushImage(open.url, "private/app", "v1");
    const policies = [{ repositories: ["private/*"], actions: ["pull" as const], users: ["me"] }];
    await using upstream = await Registry.start({
      ...{ storage, rules: { htpasswd, policies, token: {} } },
      tls: { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") },
    });
    const ask = async (config: object) => {
      const proxy = [{ prefix: "hub", upstream: upstream.url.origin, ...config }];
      await using cache = await Registry.start({ proxy });
      const manifest = await fetch(new URL("/v2/hub/private/app/manifests/v1", cache.url));
      if (manifest.status !== 200) return manifest.status;
      const blob = await fetch(new URL(`/v2/hub/private/app/blobs/${digestOf(layer)}`, cache.url));
      expect(Buffer.from(await blob.arrayBuffer())).toEqual(layer);
      return manifest.headers.get("docker-content-digest");
    };
    const credentials = { username: "me", passwordFile: join(folder, "password") };
    expect(await ask({ credentials, caFile: cert })).toBe(digest);
    expect(await ask({ credentials, ca: readFileSync(cert, "utf8") })).toBe(digest);
    expect(await ask({ credentials, insecure: true })).toBe(digest);
    expect(await ask({ credentials, caFile: certify("other").cert })).toBe(502);
    expect(await ask({ caFile: cert })).toBe(404);
    expect(await ask({ credentials: { ...credentials, passwordFile: cert }, caFile: cert })).toBe(404);
    expect(await ask({ credentials: { ...credentials, passwordFile: "/nowhere" }, caFile: cert })).toBe(502);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test.each([
  [{ prefix: "a" }, "proxy[0]: upstream is missing"],
  [{ prefix: "A b", upstream: "https://x" }, "proxy[0].prefix"],
  [{ prefix: "a", upstream: "https://me:secret@x" }, "proxy[0].upstream"],
  [{ prefix: "a", upstream: "ftp://x" }, "proxy[0].upstream"],
  [{ prefix: "a", upstream: "https://x", ttl: 5 }, "proxy[0].ttl"],
  [{ prefix: "a", upstream: "https://x", credentials: { username: "me" } }, "proxy[0].credentials"],
  [
    { prefix: "a", upstream: "https://x", credentials: { username: "me", password: 7 } },
    "credentials.password",
  ],
  [{ prefix: "a", upstream: "https://x", pinned: ["no-tag"] }, "proxy[0].pinned[0]"],
])("an upstream that cannot be meant: %j", (config, message) => {
  expect(() => decodeProxyConfig({ value: [config], path: "proxy" })).toThrow(message);
  const good = { prefix: "a", upstream: "https://x", ttl: "1m", maxBytes: "1GiB" };
  const [decoded] = decodeProxyConfig({ value: [good], path: "proxy" });
  expect(decoded).toMatchObject({ ttl: 60_000, maxBytes: 2 ** 30 });
  expect(() => decodeProxyConfig({ value: [good, good], path: "proxy" })).toThrow("a is there twice");
});
