import { expect, test } from "bun:test";
import { proxiesOf } from "./environment.ts";
import { proxyHeaders } from "./tunnel.ts";

const at = (env: Record<string, string>, url = "https://a.test/v2/") => proxiesOf(env)(new URL(url));

test("the scheme of the address decides which variable counts, capitals before small letters", () => {
  const env = {
    HTTPS_PROXY: "http://one:1",
    https_proxy: "http://two:2",
    HTTP_PROXY: "",
    http_proxy: "three:3",
  };
  expect(at(env)).toEqual({
    protocol: "http",
    host: "one:1",
    hostname: "one",
    port: 1,
    namedBy: "HTTPS_PROXY",
  });
  expect(at(env, "http://a.test/")).toMatchObject({ host: "three:3", port: 3, namedBy: "http_proxy" });
  expect(at({ HTTP_PROXY: "http://one" })).toBeUndefined();
});

test("ALL_PROXY counts where the variable of the scheme is silent, and NO_PROXY counts for it too", () => {
  const env = { ALL_PROXY: "socks5h://one", all_proxy: "http://two", HTTPS_PROXY: "http://three" };
  expect(at(env)).toMatchObject({ hostname: "three", namedBy: "HTTPS_PROXY" });
  expect(at(env, "http://a.test/")).toMatchObject({ protocol: "socks5", port: 1080, namedBy: "ALL_PROXY" });
  expect(at({ all_proxy: "http://two", HTTPS_PROXY: " " })).toMatchObject({ namedBy: "all_proxy" });
  expect(at({ ...env, NO_PROXY: "a.test" }, "http://a.test/")).toBeUndefined();
  expect(at(env, "http://127.0.0.1/")).toBeUndefined();
});

test("socks5 and socks5h are one: the proxy looks names up", () => {
  for (const scheme of ["socks5", "socks5h", "SOCKS5"])
    expect(at({ ALL_PROXY: `${scheme}://ann:p%40ss%3A@[fd00::1]:9050` })).toEqual({
      ...{ protocol: "socks5", host: "[fd00::1]:9050", hostname: "fd00::1", port: 9050 },
      ...{ login: { username: "ann", password: "p@ss:" }, namedBy: "ALL_PROXY" },
    });
  expect(() => at({ ALL_PROXY: `socks5://ann:${"s3cr".repeat(64)}@proxy` })).toThrow(
    /^ALL_PROXY has a name or a password of more than 255 bytes/,
  );
});

test("ports by scheme, brackets of IPv6, TLS to the proxy", () => {
  expect(at({ HTTPS_PROXY: "proxy.test" })).toMatchObject({ host: "proxy.test", port: 80, protocol: "http" });
  expect(at({ HTTPS_PROXY: "https://proxy.test" })).toMatchObject({ port: 443, protocol: "https" });
  expect(at({ HTTPS_PROXY: "[fd00::1]:3128" })).toMatchObject({
    host: "[fd00::1]:3128",
    hostname: "fd00::1",
  });
});

test("credentials become Proxy-Authorization, decoded, and are nowhere else", () => {
  const proxy = at({ HTTPS_PROXY: "http://ann:p%40ss%3A@proxy.test:3128" })!;
  expect(proxyHeaders(proxy)).toEqual({
    "proxy-authorization": `Basic ${Buffer.from("ann:p@ss:").toString("base64")}`,
  });
  expect(proxy.host).toBe("proxy.test:3128");
  expect(at({ HTTPS_PROXY: "ann@proxy.test" })?.login).toEqual({ username: "ann", password: "" });
});

test("what is no proxy is an error when it is needed, that names the variable and not its text", () => {
  for (const text of [
    "http://s3cr et:x@",
    "socks4://ann:s3cr@proxy",
    "socks5://ann:s3cr@",
    "http://ann:s3cr@proxy:port",
  ]) {
    const proxies = proxiesOf({ HTTPS_PROXY: text, NO_PROXY: "b.test" });
    expect(proxies(new URL("https://b.test/"))).toBeUndefined();
    expect(() => proxies(new URL("https://a.test/"))).toThrow(
      /^HTTPS_PROXY (is no address|names a proxy of kind)/,
    );
    expect(() => proxies(new URL("https://a.test/"))).not.toThrow(/s3cr/);
  }
});
