import { expect, test } from "bun:test";
import { proxiesOf } from "./environment.ts";

const at = (env: Record<string, string>, url = "https://a.test/v2/") => proxiesOf(env)(new URL(url));

test("the scheme of the address decides which variable counts, capitals before small letters", () => {
  const env = {
    HTTPS_PROXY: "http://one:1",
    https_proxy: "http://two:2",
    HTTP_PROXY: "",
    http_proxy: "three:3",
  };
  expect(at(env)).toEqual({
    host: "one:1",
    hostname: "one",
    port: 1,
    secure: false,
    variable: "HTTPS_PROXY",
  });
  expect(at(env, "http://a.test/")).toMatchObject({ host: "three:3", port: 3, variable: "http_proxy" });
  expect(at({ HTTP_PROXY: "http://one" })).toBeUndefined();
  expect(at({ ALL_PROXY: "http://one" })).toBeUndefined();
});

test("ports by scheme, brackets of IPv6, TLS to the proxy", () => {
  expect(at({ HTTPS_PROXY: "proxy.test" })).toMatchObject({ host: "proxy.test", port: 80, secure: false });
  expect(at({ HTTPS_PROXY: "https://proxy.test" })).toMatchObject({ port: 443, secure: true });
  expect(at({ HTTPS_PROXY: "[fd00::1]:3128" })).toMatchObject({
    host: "[fd00::1]:3128",
    hostname: "fd00::1",
  });
});

test("credentials become Proxy-Authorization, decoded, and are nowhere else", () => {
  const proxy = at({ HTTPS_PROXY: "http://ann:p%40ss%3A@proxy.test:3128" })!;
  expect(proxy.authorization).toBe(`Basic ${Buffer.from("ann:p@ss:").toString("base64")}`);
  expect(proxy.host).toBe("proxy.test:3128");
  expect(at({ HTTPS_PROXY: "ann@proxy.test" })?.authorization).toBe(
    `Basic ${Buffer.from("ann:").toString("base64")}`,
  );
});

test("what is no proxy is an error when it is needed, that names the variable and not its text", () => {
  for (const text of ["http://s3cr et:x@", "socks5://ann:s3cr@proxy", "http://ann:s3cr@proxy:port"]) {
    const proxies = proxiesOf({ HTTPS_PROXY: text, NO_PROXY: "b.test" });
    expect(proxies(new URL("https://b.test/"))).toBeUndefined();
    expect(() => proxies(new URL("https://a.test/"))).toThrow(
      /^HTTPS_PROXY (is no address|names a proxy of kind)/,
    );
    expect(() => proxies(new URL("https://a.test/"))).not.toThrow(/s3cr/);
  }
});
