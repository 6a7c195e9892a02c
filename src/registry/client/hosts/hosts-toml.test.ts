import { describe, expect, test } from "bun:test";
import { parseHostsToml } from "./hosts-toml.ts";

const parse = (text: string) => parseHostsToml(text, { file: "f", folder: "/etc/certs.d/x" });

describe("hosts.toml", () => {
  test("hosts keep their order, paths start at the file's folder, what is not said is the default", () => {
    const { hosts, server } = parse(`
server = "https://registry.example:5000"
capabilities = ["pull", "resolve"]
ca = ["ca.pem", "/abs/ca.pem"]
header = { "X-Team" = ["a", "b"] }
proxy = "http://ann:pw@proxy.example:3128/"
[host."https://zz.example"]
  dial_timeout = "1m1.5s"
  proxy = "socks5h://proxy.example"
  client = [["c.cert", "c.key"], ["both.pem", ""]]
[host."http://aa.example/us/"]
  capabilities = ["PULL"]
  skip_verify = true
  client = "one.pem"
  [host."http://aa.example/us/".header]
    authorization = "Basic c2VjcmV0"
[host."mirror.example/v2/up"]
  override_path = true
  client = ["a.pem", "b.pem"]
`);
    expect(hosts.map(({ url, root }) => `${url} ${root}`)).toEqual([
      "https://zz.example/ /v2",
      "http://aa.example/ /us/v2",
      "https://mirror.example/ /v2/up",
    ]);
    expect(hosts.map(({ capabilities }) => [...capabilities].join())).toEqual([
      "pull,resolve,push,referrers",
      "pull",
      "pull,resolve,push,referrers",
    ]);
    expect(hosts[0]).toMatchObject({ dialMs: 61_500, skipVerify: undefined, headers: {}, ca: [] });
    expect(hosts[0]!.client).toEqual([
      { cert: "/etc/certs.d/x/c.cert", key: "/etc/certs.d/x/c.key" },
      { cert: "/etc/certs.d/x/both.pem" },
    ]);
    expect(hosts[1]).toMatchObject({ skipVerify: true, headers: { authorization: "Basic c2VjcmV0" } });
    expect(hosts[2]!.client).toEqual([{ cert: "/etc/certs.d/x/a.pem" }, { cert: "/etc/certs.d/x/b.pem" }]);
    expect(server).toMatchObject({
      ...{ root: "/v2", ca: ["/etc/certs.d/x/ca.pem", "/abs/ca.pem"], headers: { "x-team": "a, b" } },
      url: new URL("https://registry.example:5000"),
    });
    expect([...server.capabilities]).toEqual(["pull", "resolve"]);
    expect(server.proxy).toEqual({
      ...{ protocol: "http", host: "proxy.example:3128", hostname: "proxy.example", port: 3128 },
      ...{ login: { username: "ann", password: "pw" }, namedBy: "f: at the top: proxy", always: true },
    });
    expect(hosts[0]!.proxy).toMatchObject({ protocol: "socks5", port: 1080 });
    expect(hosts[1]!.proxy).toBeUndefined();
  });

  test("a file that names no server means the registry itself; Docker Hub's API is where it is", () => {
    expect(parse("").server.url).toBeUndefined();
    expect(parse('server = "https://docker.io"').server.url?.host).toBe("registry-1.docker.io");
    expect(parse('server = "https://h/override"\noverride_path = true').server.root).toBe("/override");
    expect(parse('server = "https://h"\noverride_path = true').server.root).toBe("");
  });

  test.each([
    ['[host."https://a"]\ncapabilities = ["delete"]', 'in [host."https://a"]: delete is no capability'],
    ['capabilities = "pull', "f:1: a string has no end"],
    ['skip_verify = "yes"', "at the top: skip_verify is no boolean"],
    ["ca = [1]", "ca is neither a string nor a list of strings"],
    ['client = [["a", "b", "c"]]', "client is neither a path, nor paths, nor pairs of paths"],
    ['dial_timeout = "soon"', "dial_timeout soon is no duration"],
    ['host = "x"', "host is no table"],
    ['[host."https://:"]', "is no address"],
    ['server = "https://u:topsecret@a"', "an address has credentials in it"],
    ['[header]\nx = "topsecret\\nevil: 1"', "header x has a line break"],
    ['[header]\n"x y" = "topsecret"', "x y cannot be set as a header"],
    ['proxy = "ann:topsecret@proxy.example:3128"', "proxy is not the URL of a proxy"],
    ['proxy = "http://ann:topsecret@proxy.example/path"', "proxy is not the URL of a proxy"],
    ['proxy = "http://ann:topsecret@proxy.example:port"', "proxy is no address of a proxy"],
    ['proxy = "ftp://ann:topsecret@proxy.example"', "proxy names a proxy of kind ftp"],
    ["proxy = 3128", "proxy is no string"],
    ['[header]\nHost = "topsecret"', "Host cannot be set as a header"],
  ])("%j is refused", (text, message) => {
    let said = "";
    try {
      parse(text);
    } catch (error) {
      expect(error).toMatchObject({ code: "REGISTRY_CONFIG" });
      said = (error as Error).message;
    }
    expect(said).toContain(message);
    expect(said.startsWith("f:")).toBe(true);
    expect(said).not.toContain("topsecret");
  });
});
