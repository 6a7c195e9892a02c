import { afterAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { serve } from "../../src/registry/client/fake-registry.test-support.ts";
import { Registry as Client, proxiesOf, Remote } from "../../src/registry/client/index.ts";
import { Registry } from "../../src/registry/server/index.ts";
import { openCompanyNetwork } from "../support/company-network.ts";
import { freePort } from "../support/free-port.ts";
import { type HttpProxyOptions, startHttpProxy } from "../support/http-proxy.ts";
import { serveRegistry } from "../support/serve-registry.ts";

/** Proxies between whole programs and registries, on real sockets: TLS with the registry goes through the tunnel. */
const company = await openCompanyNetwork();
afterAll(() => company[Symbol.asyncDispose]());
const { home, authority, plain, image, env, routes, run, told } = company;
const password = "s3cr@t/of:ann";
const login = `ann:${encodeURIComponent(password)}`;

const proxy = (options: Partial<HttpProxyOptions> = {}) => startHttpProxy({ routes, ...options });

test("copy, pull and push through a tunnel: the proxy sees names and ports, and no word of the registry's", async () => {
  using way = await proxy({ login: `ann:${password}` });
  const settings = { HTTPS_PROXY: `http://${login}@${way.host}`, HTTP_PROXY: `http://${login}@${way.host}` };
  await run(["copy", "--insecure", "plain.test/team/app:1", "registry.test/team/app:1"], settings);
  expect(way.lines()).toContain("GET http://plain.test/v2/team/app/manifests/1");
  expect(new Set(way.lines().filter((line) => line.startsWith("CONNECT")))).toEqual(
    new Set(["CONNECT plain.test:443", "CONNECT registry.test:443"]),
  );
  way.asked.length = 0;
  await run(["pull", "registry.test/team/app:1"], settings);
  await run(["tag", "registry.test/team/app:1", "registry.test/team/again:2"], settings);
  await run(["push", "registry.test/team/again:2"], settings);
  expect(await run(["digest", "registry.test/team/again:2"], settings)).toBe(image.digest);
  expect(new Set(way.lines())).toEqual(new Set(["CONNECT registry.test:443"]));
  // Connections are kept: four programs, a connection for each of what one moves at the same time.
  expect(way.asked.length).toBeLessThan(20);
  for (const { headers } of way.asked)
    expect(Object.keys(headers).sort()).toEqual(["connection", "host", "proxy-authorization"]);
}, 60_000);

test("push and pull in plain HTTP: addresses whole, the proxy's password goes no further than the proxy", async () => {
  using way = await proxy({ login: `ann:${password}` });
  const settings = { http_proxy: `${login}@${way.host}`, https_proxy: `${login}@${way.host}` };
  await run(["pull", "--insecure", "plain.test/team/app:1"], settings);
  await run(["tag", "plain.test/team/app:1", "plain.test/team/back:1"], settings);
  await run(["push", "--insecure", "plain.test/team/back:1"], settings);
  expect(await run(["digest", "--insecure", "plain.test/team/back:1"], settings)).toBe(image.digest);
  expect(way.lines().some((line) => /^(PUT|PATCH) http:\/\/plain\.test\/v2\/team\/back\//.test(line))).toBe(
    true,
  );
  for (const { target, headers } of way.asked)
    if (target.startsWith("http:")) expect(headers.host).toBe("plain.test");
}, 60_000);

test("a proxy that speaks TLS, known by the CA in SSL_CERT_FILE: tunnels and whole addresses", async () => {
  using way = await proxy({ tls: authority.sign("IP:127.0.0.1") });
  const settings = { HTTPS_PROXY: way.url, HTTP_PROXY: way.url };
  const file = join(home, "ca.pem");
  writeFileSync(file, authority.cert);
  expect(await told("registry.test/team/app", { ...settings, SSL_CERT_FILE: file })).toBe(image.digest);
  expect(await told("plain.test/team/app", { ...settings, SSL_CERT_FILE: file }, { insecure: true })).toBe(
    image.digest,
  );
  const text = await told("registry.test/team/app", settings);
  expect(text).toStartWith(`error: no trusted connection to the proxy ${way.host}: `);
  expect(text).toContain("SSL_CERT_FILE");
});

test("NO_PROXY and loopback: asked directly, whatever the proxy is", async () => {
  using way = await proxy();
  const settings = { HTTP_PROXY: way.url, HTTPS_PROXY: way.url };
  expect(await told(`${plain.host}/team/app`, settings)).toBe(image.digest);
  expect(await told(`localhost:${plain.host.split(":")[1]}/team/app`, settings)).toBe(image.digest);
  expect(await told("registry.test/team/app", { ...settings, NO_PROXY: "example.com,.test" })).toStartWith(
    "error: the host registry.test cannot be found",
  );
  expect(way.asked).toEqual([]);
  expect(await told("registry.test/team/app", { ...settings, NO_PROXY: "registry.test:444" })).toBe(
    image.digest,
  );
  expect(way.lines()).toEqual(["CONNECT registry.test:443"]);
});

test("a proxy that is not there, wants a password, forbids, fails or is silent is named with what to do; its password never is", async () => {
  const down = `http://${login}@127.0.0.1:${freePort()}`;
  for (const [reference, options] of [
    ["registry.test/a", {}],
    ["plain.test/a", { insecure: true }],
  ] as const) {
    const text = await told(reference, { HTTPS_PROXY: down, HTTP_PROXY: down }, options);
    expect(text).toStartWith(`error: nothing listens at the proxy ${new URL(down).host}\nhint: HTTP`);
    expect(text).toContain("NO_PROXY");
    expect(text).not.toMatch(/s3cr|ann/);
    const cases: [Partial<HttpProxyOptions>, string, string][] = [
      [{ login: "bob:pw" }, "does not take our credentials (407)", "http://USER:PASSWORD@HOST:PORT"],
      [
        { answer: 0 },
        reference.startsWith("registry") ? "made no connection to registry.test:443" : "moved no byte",
        "",
      ],
    ];
    if (reference.startsWith("registry"))
      cases.push(
        [{ answer: 403 }, "does not connect us to registry.test:443: 403 Forbidden", "to allow it"],
        [{ routes: {} }, "got no connection to registry.test:443: 502 Bad Gateway", "NO_PROXY"],
      );
    for (const [behaviour, says, hint] of cases) {
      using way = await proxy(behaviour);
      const address = `http://${login}@${way.host}`;
      const settings = { HTTPS_PROXY: address, HTTP_PROXY: address };
      const said = await told(reference, settings, { ...options, stallMs: 400 });
      expect(said).toContain(says);
      expect(said).toContain(hint);
      expect(said).not.toMatch(/s3cr|ann/);
    }
  }
  using way = await proxy({ login });
  expect(await told("registry.test/a", { HTTPS_PROXY: way.url })).toStartWith(
    `error: the proxy ${way.host} wants credentials (407)\nhint: `,
  );
  expect(way.asked.length).toBe(1);
  const nonsense = await told("registry.test/a", { HTTPS_PROXY: "ftp://ann:s3cr@proxy:1080" });
  expect(nonsense).toStartWith(
    "error: HTTPS_PROXY names a proxy of kind ftp; http, https, socks5 and socks5h are known\nhint: ",
  );
  expect(nonsense).not.toContain("s3cr");
});

test("the registry's certificate is checked through the tunnel, and what is wrong with it is told", async () => {
  await using other = await Registry.start({ tls: authority.sign("DNS:other.test") });
  using way = await proxy({ routes: { "registry.test:443": other.host } });
  expect(await told("registry.test/a", { HTTPS_PROXY: way.url })).toStartWith(
    "error: the certificate of registry.test is not for registry.test but for other.test\nhint: ",
  );
  expect(way.lines()).toEqual(["CONNECT registry.test:443", "CONNECT registry.test:443"]);
});

test("a client certificate is shown to the registry through the tunnel, and nothing of the proxy's login", async () => {
  const ours = authority.sign("DNS:registry.test");
  using server = await serve((_, response) => void response.end("{}"), {
    ...{ ...ours, ca: authority.cert, requestCert: true, rejectUnauthorized: true },
  });
  using way = await proxy({ routes: { "registry.test:443": server.host } });
  const ping = async (tls: { readonly cert?: string; readonly key?: string }) => {
    using client = await Client.connect("registry.test", {
      ...{ settings: { tls: { ca: [authority.cert], ...tls } }, retry: { attempts: 1 } },
      proxies: proxiesOf({ HTTPS_PROXY: `http://${login}@${way.host}` }),
    });
    return await client.ping().then(
      () => "taken",
      (error) => error.code,
    );
  };
  expect(await ping(ours)).toBe("taken");
  expect(await ping({})).toBe("REGISTRY_TLS");
  expect(way.asked[0]?.headers["proxy-authorization"]).toStartWith("Basic ");
  const seen = server.seen.flatMap(({ headers }) => Object.keys(headers));
  expect(seen).toContain("user-agent");
  expect(seen).not.toContain("proxy-authorization");
});

test("a tunnel that is cut in the middle of a layer is made again, and the download goes on", async () => {
  using way = await proxy({ cutAfter: 1_000_000 });
  using remote = new Remote({ env: { ...env, HTTPS_PROXY: way.url }, retry: { baseMs: 1 } });
  const repository = await remote.origin({ domain: "registry.test", path: "team/app" });
  let size = 0;
  const digest = image.layers.at(-1)!;
  const layer = { digest, size: image.blobs.get(digest)!.length };
  for await (const bytes of repository.getBlob(layer)) size += bytes.length;
  expect(size).toBe(layer.size);
  expect(way.lines()).toEqual(["CONNECT registry.test:443", "CONNECT registry.test:443"]);
});

test("a foreign address that is internal is not asked of the proxy either, nor a name that our own DNS knows as internal", async () => {
  const seen: string[] = [];
  for (const realm of ["https://10.0.0.5/token", "https://localhost:9/token", "https://auth.test/token"]) {
    using server = await serve(
      (_, response) => void response.writeHead(401, { "www-authenticate": `Bearer realm="${realm}"` }).end(),
      authority.sign("DNS:registry.test"),
    );
    using way = await proxy({ routes: { "registry.test:443": server.host } });
    using client = await Client.connect("registry.test", {
      ...{ settings: { tls: { ca: [authority.cert] } }, retry: { attempts: 1 }, redirects: "public" },
      proxies: proxiesOf({ HTTPS_PROXY: way.url }),
    });
    const error = await client.ping().catch((thrown) => thrown);
    seen.push(`${error.code} ${way.lines().slice(1).join()}`);
  }
  expect(seen).toEqual(["REGISTRY_RESPONSE ", "REGISTRY_RESPONSE ", "REGISTRY_PROXY CONNECT auth.test:443"]);
});

test("canceled while the proxy is silent: at once, and no connection stays", async () => {
  using way = await proxy({ answer: 0 });
  const stop = new AbortController();
  const remote = new Remote({ env: { ...env, HTTPS_PROXY: way.url }, signal: stop.signal });
  const repository = await remote.origin({ domain: "registry.test", path: "a" });
  const asking = repository.resolve("1", { signal: stop.signal }).catch((error) => error);
  while (way.asked.length === 0) await Bun.sleep(5);
  stop.abort();
  expect((await asking).code).toBe("CANCELED");
  expect(way.connections()).toBe(1);
  remote.close();
  for (const until = Date.now() + 5000; way.connections() > 0 && Date.now() < until; ) await Bun.sleep(5);
  expect(way.connections()).toBe(0);
});

test("the cache of other registries goes through the proxy too", async () => {
  using way = await proxy({ login: `ann:${password}` });
  const cache = await serveRegistry(
    [...["--listen", "127.0.0.1:0", "--storage", join(home, "cache"), "--proxy", "hub=http://plain.test"]],
    { ...env, HTTP_PROXY: `http://${login}@${way.host}` },
  );
  try {
    expect(await told(`${cache.host}/hub/team/app`, {})).toBe(image.digest);
    expect(way.lines().some((line) => line.startsWith("GET http://plain.test/v2/team/app/manifests/"))).toBe(
      true,
    );
  } finally {
    await cache.kill("SIGTERM");
  }
});
