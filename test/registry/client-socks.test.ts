import { afterAll, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { renderError } from "../../src/errors/index.ts";
import { Remote, type RemoteOptions } from "../../src/registry/client/index.ts";
import { Registry } from "../../src/registry/server/index.ts";
import { openCompanyNetwork } from "../support/company-network.ts";
import { freePort } from "../support/free-port.ts";
import { startHttpProxy } from "../support/http-proxy.ts";
import { type SocksProxyOptions, startSocksProxy } from "../support/socks-proxy.ts";

/** Proxies that speak SOCKS5, and those of hosts.toml. */
const company = await openCompanyNetwork();
afterAll(() => company[Symbol.asyncDispose]());
const { home, certs, authority, plain, image, env, routes, run } = company;
const password = "s3cr@t/of:ann";
const login = `ann:${encodeURIComponent(password)}`;
const told = (domain: string, settings: Record<string, string>, options: RemoteOptions = {}) =>
  company.told(`${domain}/team/app`, settings, options);

const socks = (options: Partial<SocksProxyOptions> = {}) => startSocksProxy({ routes, ...options });

test("copy, pull and push through ALL_PROXY, with a login; the proxy is told names", async () => {
  using way = await socks({ login: `ann:${password}` });
  const settings = { ALL_PROXY: `socks5h://${login}@${way.host}` };
  await run(["copy", "--insecure", "plain.test/team/app:1", "registry.test/team/app:1"], settings);
  expect(new Set(way.asked)).toEqual(
    // Whether plain.test speaks TLS is asked first.
    new Set(["CONNECT plain.test:443", "CONNECT plain.test:80", "CONNECT registry.test:443"]),
  );
  way.asked.length = 0;
  await run(["pull", "registry.test/team/app:1"], settings);
  await run(["tag", "registry.test/team/app:1", "registry.test/team/again:2"], settings);
  await run(["push", "registry.test/team/again:2"], settings);
  expect(await run(["digest", "registry.test/team/again:2"], settings)).toBe(image.digest);
  expect(new Set(way.asked)).toEqual(new Set(["CONNECT registry.test:443"]));
  // Connections are kept: three programs, a connection for each of what one moves at the same time.
  expect(way.asked.length).toBeLessThan(20);
}, 60_000);

const curl = Bun.which("curl");
if (curl === null)
  console.log("the SOCKS proxy of these tests is not compared with curl: it is not installed");

test.skipIf(curl === null)("the proxy of these tests is one for curl too", async () => {
  using way = await socks({ login: `ann:${password}` });
  const child = Bun.spawn(
    [curl!, "-sS", "-x", `socks5h://${login}@${way.host}`, "http://plain.test/v2/team/app/tags/list"],
    { stdout: "pipe", env: { PATH: process.env.PATH! } },
  );
  expect(await new Response(child.stdout).json()).toEqual({ name: "team/app", tags: ["1"] });
  expect(way.asked).toEqual(["CONNECT plain.test:80"]);
});

test("answers that come a byte at a time, addresses, and what needs no proxy", async () => {
  using way = await socks({ dribble: true, routes: { ...routes, "192.0.2.7:80": plain.host } });
  const settings = { ALL_PROXY: `socks5://${way.host}` };
  expect(await told("registry.test", settings)).toBe(image.digest);
  expect(await told("192.0.2.7:80", settings, { insecure: true })).toBe(image.digest);
  const six = await told("[2001:db8::7:1]:444", settings);
  expect(six).toStartWith(
    `error: the proxy ${way.host} got no connection to [2001:db8::7:1]:444: host unreachable\n`,
  );
  const asked = [...way.asked];
  expect(new Set(asked)).toEqual(
    new Set([
      "CONNECT registry.test:443",
      ...["CONNECT 192.0.2.7:80", "CONNECT [20010db8000000000000000000070001]:444"],
    ]),
  );
  expect(await told(plain.host, settings)).toBe(image.digest);
  expect(await told("registry.test", { ...settings, NO_PROXY: ".test" })).toStartWith(
    "error: the host registry.test cannot be found",
  );
  expect(way.asked).toEqual(asked);
});

test("a proxy that is not there, refuses, forbids, fails, is silent or is none is named with what to do; its password never is", async () => {
  const down = `127.0.0.1:${freePort()}`;
  const cases: [Partial<SocksProxyOptions> | string, string, string][] = [
    [down, `nothing listens at the proxy ${down}`, "ALL_PROXY names it"],
    [{ login: "bob:pw" }, "does not take our credentials (refused)", "socks5://USER:PASSWORD@HOST:PORT"],
    [{ reply: 2 }, "does not connect us to registry.test:443: not allowed by its rules", "to allow it"],
    [{ reply: 5 }, "got no connection to registry.test:443: connection refused", "NO_PROXY (registry.test)"],
    [{ reply: 99 }, "got no connection to registry.test:443: reply 99", "NO_PROXY"],
    [{ routes: {} }, "got no connection to registry.test:443: host unreachable", "check the registry's name"],
    [{ greeting: "" }, "made no connection to registry.test:443 within 0.2 seconds", "ALL_PROXY names it"],
    [{ greeting: "HTTP/1.1 400 Bad Request\r\n\r\n" }, "does not speak SOCKS5", "begins with http://"],
    [{ greeting: "\u0005" }, "was lost: closed without an answer", "ALL_PROXY names it"],
  ];
  for (const [behaviour, says, hint] of cases) {
    using way = typeof behaviour === "string" ? undefined : await socks(behaviour);
    const said = await told(
      "registry.test",
      { ALL_PROXY: `socks5://${login}@${way?.host ?? behaviour}` },
      { stallMs: 400 },
    );
    expect(said).toContain(says);
    expect(said).toContain(hint);
    expect(said).not.toMatch(/s3cr|ann/);
    for (const until = Date.now() + 2000; (way?.connections() ?? 0) > 0 && Date.now() < until; )
      await Bun.sleep(5);
    expect(way?.connections() ?? 0).toBe(0);
  }
  using way = await socks({ login });
  expect(await told("registry.test", { ALL_PROXY: `socks5://${way.host}` })).toStartWith(
    `error: the proxy ${way.host} wants credentials (no way to log in that both know)\nhint: put them into ALL_PROXY as socks5://USER`,
  );
  // Nobody asks again who was refused.
  expect(way.asked).toEqual(["no method of 0"]);
});

test("the registry's certificate is checked through the tunnel", async () => {
  await using other = await Registry.start({ tls: authority.sign("DNS:other.test") });
  using way = await socks({ routes: { "registry.test:443": other.host } });
  expect(await told("registry.test", { ALL_PROXY: `socks5://${way.host}` })).toStartWith(
    "error: the certificate of registry.test is not for registry.test but for other.test\nhint: ",
  );
});

test("canceled while the proxy is silent: at once, and no connection stays", async () => {
  using way = await socks({ greeting: "" });
  const stop = new AbortController();
  const remote = new Remote({ env: { ...env, ALL_PROXY: `socks5://${way.host}` }, signal: stop.signal });
  const repository = await remote.origin({ domain: "registry.test", path: "a" });
  const asking = repository.resolve("1", { signal: stop.signal }).catch((error) => error);
  while (way.connections() === 0) await Bun.sleep(5);
  stop.abort();
  expect((await asking).code).toBe("CANCELED");
  remote.close();
  for (const until = Date.now() + 5000; way.connections() > 0 && Date.now() < until; ) await Bun.sleep(5);
  expect(way.connections()).toBe(0);
});

test("hosts.toml: `proxy` of a host, whatever the environment and NO_PROXY say; a mirror's proxy is the mirror's alone", async () => {
  using own = await startHttpProxy({ routes, login: `ann:${password}` });
  using mirrors = await socks({ routes: { "mirror.test:80": plain.host } });
  using environment = await startHttpProxy({ routes: {} });
  const folder = join(certs, "hub.test");
  mkdirSync(folder, { recursive: true });
  const write = (text: string) => writeFileSync(join(folder, "hosts.toml"), text);
  const settings = { HTTP_PROXY: environment.url, HTTPS_PROXY: environment.url, NO_PROXY: "*" };
  const read = async () => {
    using remote = new Remote({ env: { ...env, ...settings }, retry: { attempts: 1 } });
    const passed: string[] = [];
    const { digest } = await remote.read(
      { domain: "hub.test", path: "team/app", tag: "1" },
      (repository) => repository.resolve("1"),
      (host, error) => passed.push(`${host}: ${renderError(error)}`),
    );
    return { digest, passed };
  };
  const server = `server = "http://plain.test"\nproxy = "http://${login}@${own.host}"\n`;
  write(server);
  expect(await read()).toEqual({ digest: image.digest, passed: [] });
  expect(own.lines()).toEqual(["HEAD http://plain.test/v2/team/app/manifests/1?ns=hub.test"]);
  write(`${server}[host."http://mirror.test"]\nproxy = "socks5://${mirrors.host}"\n`);
  expect(await read()).toEqual({ digest: image.digest, passed: [] });
  expect(mirrors.asked).toEqual(["CONNECT mirror.test:80"]);
  expect(own.asked.length).toBe(1);
  // A mirror whose proxy fails is passed over, and is not asked without it.
  const down = `127.0.0.1:${freePort()}`;
  write(`${server}[host."http://${plain.host}"]\nproxy = "socks5://${login}@${down}"\n`);
  const { digest, passed } = await read();
  expect(digest).toBe(image.digest);
  expect(passed.length).toBe(1);
  expect(passed[0]).toStartWith(
    `${plain.host}: error: nothing listens at the proxy ${down}\nhint: ${join(folder, "hosts.toml")}: in [host."http://${plain.host}"]: proxy names it`,
  );
  expect(passed[0]).not.toMatch(/NO_PROXY|s3cr|ann/);
  expect(environment.asked).toEqual([]);
});

test("hosts.toml: a proxy with TLS is trusted by the `ca` of its section", async () => {
  using way = await startHttpProxy({ routes, tls: authority.sign("IP:127.0.0.1") });
  mkdirSync(join(certs, "tls.test"), { recursive: true });
  writeFileSync(join(home, "ca.pem"), authority.cert);
  const text = `server = "https://registry.test"\nproxy = "${way.url}"\n`;
  writeFileSync(join(certs, "tls.test", "hosts.toml"), `${text}ca = "../../ca.pem"\n`);
  expect(await told("tls.test", {})).toBe(image.digest);
  writeFileSync(join(certs, "tls.test", "hosts.toml"), text);
  expect(await told("tls.test", {})).toStartWith(`error: no trusted connection to the proxy ${way.host}: `);
});
