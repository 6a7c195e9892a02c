import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { userEnv } from "../../../test/support/user-env.ts";
import { CredentialHelper } from "./credentials/helper.ts";
import { Keychain } from "./credentials/keychain.ts";
import { failure, serve } from "./fake-registry.test-support.ts";
import { Hosts } from "./hosts/hosts.ts";
import { parseTOML } from "./hosts/toml.ts";
import { nextPage } from "./paging.ts";
import { Remote } from "./remote.ts";

let home: string;
let env: Record<string, string>;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "strake-client-"));
  mkdirSync(join(home, "bin"));
  mkdirSync(join(home, ".docker"));
  env = {
    ...userEnv(home),
    PATH: `${join(home, "bin")}:${process.env.PATH}`,
    CONTAINERS_REGISTRIES_CONF: join(home, "registries.conf"),
  };
  writeFileSync(env.CONTAINERS_REGISTRIES_CONF!, "");
});
afterAll(() => rmSync(home, { recursive: true }));

const dockerConfig = (value: unknown) =>
  writeFileSync(join(home, ".docker/config.json"), JSON.stringify(value));
const auth = (user: string, password: string) => ({
  auth: Buffer.from(`${user}:${password}`).toString("base64"),
});

/** A credential helper over a folder of files. */
function helper(name: string, script: string): void {
  const path = join(home, "bin", `docker-credential-${name}`);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}

describe("credentials", () => {
  test("of one repository are not those of another", async () => {
    dockerConfig({
      auths: {
        "https://reg.example/v2/": auth("all", "a:b"),
        "reg.example/team": auth("team", "t"),
        "https://index.docker.io/v1/": auth("hub", "h"),
      },
    });
    const keychain = new Keychain(env);
    const place = join(home, ".docker/config.json");
    expect(await keychain.find("reg.example")).toEqual({
      ...{ kind: "basic", username: "all", password: "a:b", place },
    });
    expect(await keychain.find("reg.example/team/app")).toMatchObject({ username: "team" });
    expect(await keychain.find("reg.example/teams/app")).toMatchObject({ username: "all" });
    expect(await keychain.find("docker.io/library/x")).toMatchObject({ username: "hub" });
    expect(await keychain.find("other.example")).toBeUndefined();
  });

  test("come from helpers: for a registry, for all; refresh tokens too", async () => {
    helper("one", `read s; [ "$s" = one.example ] && echo '{"Username":"<token>","Secret":"refresh"}'`);
    helper(
      "all",
      `read s; [ "$s" = any.example ] && echo '{"Username":"u","Secret":"p"}' || { echo "credentials not found in native keychain"; exit 1; }`,
    );
    dockerConfig({
      credsStore: "all",
      credHelpers: { "one.example": "one", "gone.example": "missing", "bad.example": "../x" },
    });
    const keychain = new Keychain(env);
    expect(await keychain.find("one.example/a")).toEqual({
      ...{ kind: "refresh", token: "refresh", place: "docker-credential-one" },
    });
    expect(await keychain.find("any.example")).toMatchObject({ username: "u", password: "p" });
    expect(await keychain.find("none.example")).toBeUndefined();
    expect((await failure(keychain.find("gone.example"))).code).toBe("CREDENTIAL_HELPER");
    expect((await failure(keychain.find("bad.example"))).code).toBe("REGISTRY_CONFIG");
  });

  test("a helper that fails does not put its output into the error", async () => {
    helper("loud", `echo "topsecret"; echo topsecret >&2; exit 3`);
    dockerConfig({ credHelpers: { "loud.example": "loud" } });
    expect((await failure(new Keychain(env).find("loud.example"))).text).not.toContain("topsecret");
    writeFileSync(join(home, ".docker/config.json"), '{"auths":{"x":{"auth":"topsecret"');
    expect((await failure(new Keychain(env).find("x"))).text).not.toContain("topsecret");
  });

  test("a helper that waits for ever is not waited for, nor what it has started", async () => {
    helper("slow", "sleep 3");
    const asked = new CredentialHelper("slow", { env, patienceMs: 200 }).get("slow.example");
    const { code, text } = await failure(asked);
    expect(code).toBe("CREDENTIAL_HELPER");
    expect(text).toContain("docker-credential-slow get gave no answer within 0.2 seconds");
  });

  test("a login that the registry's own helper could not keep is found where it was kept", async () => {
    helper("broken", "exit 1");
    dockerConfig({ credHelpers: { "reg.example": "broken" } });
    await new Keychain(env).store("reg.example", { username: "u", password: "p" });
    expect(await new Keychain(env).find("reg.example/app")).toMatchObject({ username: "u", password: "p" });
    dockerConfig({ credHelpers: { "reg.example": "broken" }, auths: { "other.example": auth("u", "p") } });
    expect((await failure(new Keychain(env).find("reg.example"))).code).toBe("CREDENTIAL_HELPER");
  });

  test("a login is kept readable to its owner alone, the rest of the file as it was; without a keyring in the file", async () => {
    helper("locked", "exit 1");
    dockerConfig({ psFormat: "x", credsStore: "locked" });
    const stored = await new Keychain(env).store("reg.example", { username: "u", password: "p" });
    expect(stored.isPlainText).toBe(true);
    const path = join(home, ".docker/config.json");
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({
      psFormat: "x",
      credsStore: "locked",
      auths: { "reg.example": auth("u", "p") },
    });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    dockerConfig({ auths: { "reg.example": auth("u", "p") } });
    expect(await new Keychain(env).erase("reg.example")).toBe(true);
    expect(await new Keychain(env).erase("reg.example")).toBe(false);
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({ auths: {} });
  });
});

describe("a login is found again by whoever looks next", () => {
  const podmans = () => join(home, "containers/auth.json");
  const podmanAuth = (value: unknown) => {
    mkdirSync(join(home, "containers"), { recursive: true });
    writeFileSync(podmans(), JSON.stringify(value));
  };
  const read = (path: string) => JSON.parse(readFileSync(path, "utf8"));
  const store = (name: string) => new Keychain(env).store(name, { username: "new", password: "n" });
  const find = (name: string) => new Keychain(env).find(name);
  afterEach(() => rmSync(join(home, "containers"), { recursive: true, force: true }));

  test("an old one of podman's, which is asked first, is replaced where it is", async () => {
    dockerConfig({});
    podmanAuth({ auths: { "reg.example": auth("old", "o"), "other.example": auth("x", "y") } });
    expect(await find("reg.example/app")).toMatchObject({ username: "old", place: podmans() });
    expect(await store("reg.example")).toEqual({ place: podmans(), isPlainText: true });
    expect(await find("reg.example/app")).toMatchObject({ username: "new", place: podmans() });
    expect(read(podmans())).toEqual({
      auths: { "other.example": auth("x", "y"), "reg.example": auth("new", "n") },
    });
    expect(read(join(home, ".docker/config.json"))).toEqual({});
    expect(await store("third.example")).toMatchObject({ place: join(home, ".docker/config.json") });
  });

  test("one for a part of the registry goes where that of all of it is", async () => {
    dockerConfig({});
    podmanAuth({ auths: { "reg.example": auth("old", "o") } });
    await store("reg.example/team");
    expect(await find("reg.example/team/app")).toMatchObject({ username: "new" });
    expect(await find("reg.example/teams")).toMatchObject({ username: "old" });
  });

  test("other ways to write the same registry do not survive it", async () => {
    dockerConfig({ auths: { "https://reg.example/v2/": auth("a", "a"), "reg.example": auth("b", "b") } });
    await store("reg.example");
    expect(read(join(home, ".docker/config.json"))).toEqual({ auths: { "reg.example": auth("new", "n") } });
  });

  test("what a helper keeps now is in no file any more", async () => {
    helper("kept", `f=${join(home, "kept")}; case $1 in store) cat > $f;; get) cat $f;; esac`);
    dockerConfig({ credsStore: "kept", auths: { "reg.example": auth("old", "o") } });
    expect(await find("reg.example")).toMatchObject({ username: "old" });
    expect(await store("reg.example")).toEqual({ place: "docker-credential-kept", isPlainText: false });
    expect(await find("reg.example")).toMatchObject({ username: "new", place: "docker-credential-kept" });
    expect(read(join(home, ".docker/config.json")).auths).toEqual({});
  });

  test("a helper that nobody can ask keeps nobody logged in", async () => {
    helper("broken", "exit 1");
    dockerConfig({ credsStore: "broken" });
    const keychain = new Keychain(env);
    expect(await keychain.store("reg.example", { username: "u", password: "p" })).toMatchObject({
      isPlainText: true,
    });
    expect(await keychain.erase("reg.example")).toBe(true);
    expect(await keychain.find("other.example").catch((error) => error.code)).toBe("CREDENTIAL_HELPER");
    await expect(keychain.erase("reg.example")).rejects.toMatchObject({ code: "CREDENTIAL_HELPER" });
  });

  test("a registry may have no helper where others have one; Docker Hub's is found under any of its names", async () => {
    helper("hub", 'echo \'{"Username":"h","Secret":"s"}\'');
    const credHelpers = { "plain.example": "", "https://index.docker.io/v1/": "hub" };
    dockerConfig({ credsStore: "hub", credHelpers });
    const keychain = new Keychain(env);
    expect(await keychain.find("plain.example")).toBeUndefined();
    const place = join(home, ".docker/config.json");
    expect(await keychain.store("plain.example", { username: "u", password: "p" })).toEqual({
      ...{ place, isPlainText: true },
    });
    expect(await keychain.find("plain.example")).toMatchObject({ username: "u" });
    expect(await keychain.erase("plain.example")).toBe(true);
    dockerConfig({ credHelpers });
    expect(await keychain.find("docker.io")).toMatchObject({ place: "docker-credential-hub" });
  });

  test("a link stays one whether or not its file is there; a place that cannot be written is named", async () => {
    const path = join(home, "linked.json");
    symlinkSync("dotfiles.json", path);
    const keychain = new Keychain({ ...env, REGISTRY_AUTH_FILE: path });
    await keychain.store("reg.example", { username: "u", password: "p" });
    const { auths } = JSON.parse(readFileSync(join(home, "dotfiles.json"), "utf8"));
    expect(Object.keys(auths)).toEqual(["reg.example"]);
    const nowhere = join(path, "folder/auth.json");
    const lost = new Keychain({ ...env, REGISTRY_AUTH_FILE: nowhere });
    await expect(lost.store("reg.example", { username: "u", password: "p" })).rejects.toMatchObject({
      code: "REGISTRY_CONFIG",
      message: `${nowhere} cannot be written`,
    });
  });

  test.skipIf(process.getuid?.() !== 0)(
    "a file of somebody else stays whole and somebody else's",
    async () => {
      const folder = mkdtempSync(join(tmpdir(), "strake-keychain-"));
      try {
        chownSync(folder, 65534, 65534);
        const path = join(folder, "auth.json");
        const text = JSON.stringify({ auths: { "old.example": auth("u", "p") } });
        writeFileSync(path, text, { mode: 0o600 });
        const keychain = new Keychain({ ...env, REGISTRY_AUTH_FILE: path });
        process.seteuid!(65534);
        try {
          await expect(keychain.store("reg.example", { username: "u", password: "p" })).rejects.toMatchObject(
            {
              message: `${path} cannot be read, and so not be changed`,
            },
          );
        } finally {
          process.seteuid!(0);
        }
        expect(readFileSync(path, "utf8")).toBe(text);
        chownSync(path, 65534, 65534);
        await keychain.store("reg.example", { username: "u", password: "p" });
        const { uid, mode } = statSync(path);
        expect([uid, mode & 0o777]).toEqual([65534, 0o600]);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );

  test("helpers know registries: what is for a part of one is in the file, and is asked first", async () => {
    helper("whole", `read s; [ "$s" = reg.example ] && echo '{"Username":"whole","Secret":"p"}'`);
    dockerConfig({ credHelpers: { "reg.example": "whole" } });
    expect(await store("reg.example/team")).toMatchObject({ isPlainText: true });
    expect(await find("reg.example/team/app")).toMatchObject({ username: "new" });
    expect(await find("reg.example/app")).toMatchObject({ username: "whole" });
  });

  test("a helper that has none leaves it to the next file", async () => {
    helper("empty", `echo "credentials not found in native keychain"; exit 1`);
    podmanAuth({ credHelpers: { "reg.example": "empty" } });
    dockerConfig({ auths: { "reg.example": auth("dockers", "d") } });
    expect(await find("reg.example")).toMatchObject({ username: "dockers" });
  });
});

describe("registries.conf", () => {
  const conf = (text: string) => writeFileSync(env.CONTAINERS_REGISTRIES_CONF!, text);

  test("mirrors of any registry, the longest prefix, blocked and insecure ones", () => {
    conf(`unqualified-search-registries = ["docker.io"] # comment
[[registry]]
prefix = "docker.io"
location = "hub.internal/proxy"
[[registry.mirror]]
location = 'mirror.internal:5000/hub'
insecure = true
[[registry.mirror]]
location = "second.internal"
pull-from-mirror = "digest-only"
[[registry]]
location = "quay.io/bad"
blocked = true
[[registry]]
prefix = "*.dev.internal"
insecure = true
`);
    const hosts = new Hosts({ env });
    const places = hosts
      .forPull("docker.io", "library/x")
      .map(({ host, path, isMirror, insecure, pullFrom }) => ({ host, path, isMirror, insecure, pullFrom }));
    expect(places).toEqual([
      {
        host: "mirror.internal:5000",
        path: "hub/library/x",
        isMirror: true,
        insecure: true,
        pullFrom: "all",
      },
      {
        host: "second.internal",
        path: "library/x",
        isMirror: true,
        insecure: undefined,
        pullFrom: "digest-only",
      },
      {
        host: "hub.internal",
        path: "proxy/library/x",
        isMirror: false,
        insecure: undefined,
        pullFrom: undefined,
      },
    ]);
    expect(hosts.forPush("docker.io", "library/x")).toMatchObject({
      host: "hub.internal",
      path: "proxy/library/x",
    });
    expect(hosts.forPush("quay.io", "bad/x").blocked).toBe(true);
    expect(hosts.forPush("quay.io", "badder/x").blocked).toBeUndefined();
    expect(hosts.forPush("a.dev.internal", "x")).toMatchObject({
      insecure: true,
      host: "a.dev.internal",
      path: "x",
    });
  });

  test("a mirror that fails is reported and passed over; the registry's own error is the one that counts", async () => {
    using mirror = await serve((_, response) => void response.writeHead(404).end());
    using server = await serve((request, response) =>
      request.url!.endsWith("/list") || request.url!.includes("tags")
        ? void response.end('{"tags":["v1"]}')
        : void response.writeHead(404).end(),
    );
    conf(`[[registry]]\nlocation = "${server.host}"\n[[registry.mirror]]\nlocation = "${mirror.host}/m"\n`);
    using remote = new Remote({ env, retry: { attempts: 1 } });
    const failed: string[] = [];
    const reference = { domain: server.host, path: "a" };
    const read = () =>
      remote.read(
        reference,
        (repository) => repository.getManifest("v1"),
        (host) => void failed.push(host),
      );
    const { code, text } = await failure(read());
    expect([code, failed]).toEqual(["REGISTRY_NOT_FOUND", [mirror.host]]);
    expect(text).toContain(server.host);
    expect(mirror.seen.some(({ path }) => path === "/v2/m/a/manifests/v1")).toBe(true);
    conf(`[[registry]]\nlocation = "${server.host}"\nblocked = true\n`);
    using blocked = new Remote({ env });
    expect((await failure(blocked.repository(reference))).code).toBe("REGISTRY_BLOCKED");
  });

  test("what is no TOML is refused with its line", () => {
    for (const bad of [
      "a",
      "a = ",
      'a = "x',
      "[a",
      "a = 1\na = 2",
      "a = 1.5",
      "a = [1",
      "[[a]]\n[a.b]\nc=1 d=2",
    ])
      expect(() => parseTOML(bad, "f")).toThrow(/^f:[123]:/);
    const value = parseTOML(
      '"a b".c = """\nx\\n\\u0041"""\nd = [1_000, \'\\\', {e = true}] # x\n[__proto__]\nf = 1',
      "f",
    );
    expect(JSON.parse(JSON.stringify(value))).toEqual({
      "a b": { c: "x\nA" },
      d: [1000, "\\", { e: true }],
      ["__proto__"]: { f: 1 },
    });
    expect(({} as { f?: number }).f).toBeUndefined();
  });
});

test("certs.d: a private CA is trusted for its host and no other", async () => {
  const folder = join(home, "certs");
  mkdirSync(folder);
  const made = Bun.spawnSync([
    ...[
      "openssl",
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-days",
      "1",
    ],
    ...[
      "-keyout",
      join(folder, "key"),
      "-out",
      join(folder, "crt"),
      "-subj",
      "/CN=localhost",
      "-addext",
      "subjectAltName=DNS:localhost,IP:127.0.0.1",
    ],
  ]);
  if (!made.success) return void console.log("skipped: certs.d: openssl is not installed");
  const content = Buffer.from('{"tags":["v1"]}');
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    tls: { cert: readFileSync(join(folder, "crt"), "utf8"), key: readFileSync(join(folder, "key"), "utf8") },
    fetch: () => new Response(content),
  });
  // Not loopback by name: that would be trusted without a certificate.
  const { Registry } = await import("./registry.ts");
  const url = new URL(`https://localhost:${server.port}`);
  const tags = async (settings: object) => {
    using registry = await Registry.connect(`localhost:${server.port}`, {
      settings: { url, tls: {}, ...settings },
      retry: { attempts: 1 },
    });
    return await Array.fromAsync(registry.repository("a").tags());
  };
  const ca = readFileSync(join(folder, "crt"), "utf8");
  mkdirSync(join(home, ".config/containers/certs.d", `localhost:${server.port}`), { recursive: true });
  writeFileSync(join(home, ".config/containers/certs.d", `localhost:${server.port}`, "ca.crt"), ca);
  const { tls } = new Hosts({ env }).forPush(`localhost:${server.port}`, "a");
  expect(await tags({ tls })).toEqual(["v1"]);
  using strict = await Registry.connect("registry.example", { settings: { url }, retry: { attempts: 1 } });
  expect((await failure(strict.ping())).code).toBe("REGISTRY_TLS");
});

test("pages follow the next link of the same origin", () => {
  const base = new URL("http://h/v2/a/tags/list");
  expect(nextPage('</v2/a/tags/list?last=x&n=1>; rel="next"', base)?.href).toBe(
    "http://h/v2/a/tags/list?last=x&n=1",
  );
  // Our login is never shown to another, and a list behind a proxy does not end early.
  expect(nextPage('<https://inside:5000/v2/a/tags/list?last=x>; rel="next"', base)?.href).toBe(
    "http://h/v2/a/tags/list?last=x",
  );
  expect(nextPage("<http://other//evil/>; rel=next", base)).toBeUndefined();
  expect(nextPage("<x>; rel=prev", base)).toBeUndefined();
});
