import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeManifest, mediaTypes, sha256 } from "../../../oci/index.ts";
import { collect, failure, type Handle, serve } from "../fake-registry.test-support.ts";
import { Remote, type RemoteOptions } from "../remote.ts";
import type { Repository } from "../repository.ts";

/** hosts.toml before registries on real sockets: who is asked what, and who is told what. */
let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "strake-hosts-"));
  writeFileSync(join(home, "registries.conf"), "");
});
afterEach(() => rmSync(home, { recursive: true }));

const env = () => ({
  ...{ HOME: home, CONTAINERS_REGISTRIES_CONF: join(home, "registries.conf") },
  STRAKE_CERTS_DIR: join(home, "certs.d"),
  // Else logins of this machine's root for a port that comes again are found.
  XDG_RUNTIME_DIR: join(home, "runtime"),
});
const remote = (options: RemoteOptions = {}) =>
  new Remote({ env: env(), retry: { attempts: 1 }, ...options });

function hostsFile(name: string, text: string): void {
  mkdirSync(join(home, "certs.d", name), { recursive: true });
  writeFileSync(join(home, "certs.d", name, "hosts.toml"), text);
}

const blob = Buffer.from("what the image is made of");
const layer = { mediaType: "application/octet-stream", digest: sha256(blob), size: blob.length };
const config = { mediaType: mediaTypes.ociEmpty, digest: sha256(Buffer.from("{}")), size: 2 };
const manifest = Buffer.from(
  encodeManifest({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [layer] }),
);
const digest = sha256(manifest);

/** Answers for any repository that has the image, below any root. */
const image: Handle = (request, response) => {
  const path = new URL(request.url!, "http://h").pathname;
  if (path.endsWith("/tags/list")) return void response.end('{"tags":["v1"]}');
  if (path.endsWith("/_catalog")) return void response.end('{"repositories":["app"]}');
  if (path.endsWith(`/blobs/${layer.digest}`)) return void response.end(blob);
  if (!path.endsWith("/manifests/v1") && !path.endsWith(`/manifests/${digest}`))
    return void response.writeHead(path.endsWith("/v2/") ? 200 : 404).end();
  response.setHeader("content-type", mediaTypes.ociManifest);
  response.setHeader("docker-content-digest", digest);
  response.end(manifest);
};
const nothing: Handle = (_, response) => void response.writeHead(404).end();

const pull = async (repository: Repository): Promise<string> => {
  const document = await repository.getManifest("v1");
  if (document.kind === "index") throw new Error("an index where a manifest was");
  return `${repository.registryName}: ${await collect(repository.getBlob(document.value.layers[0]!))}`;
};
const paths = ({ seen }: { seen: readonly { method: string; path: string }[] }) =>
  seen.map(({ method, path }) => `${method} ${path}`);

describe("a mirror of a hosts.toml", () => {
  test("is told with ns= whose image is wanted, for whatever is read; the registry itself is not", async () => {
    using mirror = await serve(image);
    using origin = await serve(image);
    hostsFile(origin.host, `[host."http://${mirror.host}"]\ncapabilities = ["pull", "resolve"]\n`);
    const reference = { domain: origin.host, path: "team/app", tag: "v1" };
    using client = remote();
    expect(await client.read(reference, pull)).toBe(`${mirror.host}: ${blob}`);
    const ns = `?ns=${encodeURIComponent(origin.host)}`;
    expect(paths(mirror)).toEqual([
      `GET /v2/team/app/manifests/v1${ns}`,
      `GET /v2/team/app/blobs/${layer.digest}${ns}`,
    ]);
    expect(origin.seen).toEqual([]);
    expect(await Array.fromAsync((await client.origin(reference)).tags())).toEqual(["v1"]);
    expect(paths(origin)).toContain("GET /v2/team/app/tags/list?n=1000");
    expect(paths(origin).join()).not.toContain("ns=");
  });

  test("serves many registries over one client, each under its own name, headers and all", async () => {
    using mirror = await serve(image);
    for (const name of ["one.invalid", "two.invalid"])
      hostsFile(
        name,
        `[host."http://${mirror.host}"]\n[host."http://${mirror.host}".header]\nx-for = "${name}"\n`,
      );
    using client = remote();
    for (const domain of ["one.invalid", "two.invalid"])
      await client.read({ domain, path: "app", tag: "v1" }, pull);
    expect(mirror.seen.map(({ path, headers }) => [path.split("?")[1], headers["x-for"]])).toEqual([
      ...[
        ["ns=one.invalid", "one.invalid"],
        ["ns=one.invalid", "one.invalid"],
      ],
      ...[
        ["ns=two.invalid", "two.invalid"],
        ["ns=two.invalid", "two.invalid"],
      ],
    ]);
  });

  test("may have its API elsewhere: a path, and with override_path exactly that", async () => {
    using mirror = await serve(image);
    hostsFile("a.invalid", `[host."http://${mirror.host}/us"]\n`);
    hostsFile("b.invalid", `[host."http://${mirror.host}/v2/hub"]\noverride_path = true\n`);
    using client = remote();
    for (const domain of ["a.invalid", "b.invalid"])
      await client.read({ domain, path: "x", tag: "v1" }, pull);
    expect(paths(mirror).filter((line) => line.includes("manifests"))).toEqual([
      "GET /us/v2/x/manifests/v1?ns=a.invalid",
      "GET /v2/hub/x/manifests/v1?ns=b.invalid",
    ]);
  });

  test("that fails is passed over, in the order of the file; the registry's own error is the one that counts", async () => {
    using first = await serve(nothing);
    using second = await serve(nothing);
    using origin = await serve(image);
    const sections = [first, second].map(({ host }) => `[host."http://${host}"]\n`).join("");
    hostsFile(origin.host, sections);
    const failed: string[] = [];
    using client = remote();
    const told = (host: string) => void failed.push(host);
    const reference = { domain: origin.host, path: "app", tag: "v1" };
    expect(await client.read(reference, pull, told)).toBe(`${origin.host}: ${blob}`);
    expect(failed).toEqual([first.host, second.host]);
    const missing = await failure(client.read(reference, (place) => place.getManifest("v9")));
    expect(missing).toMatchObject({ code: "REGISTRY_NOT_FOUND" });
    expect(missing.text).toContain(origin.host);
  });

  test("without `resolve` is asked for the digest that the registry says a tag has", async () => {
    using mirror = await serve(image);
    using origin = await serve(image);
    hostsFile(origin.host, `[host."http://${mirror.host}"]\ncapabilities = ["pull"]\n`);
    using client = remote();
    const read = () => client.read({ domain: origin.host, path: "app", tag: "v1" }, pull);
    expect(await read()).toBe(`${mirror.host}: ${blob}`);
    expect(paths(mirror).join()).not.toContain("manifests/v1");
    expect(paths(mirror)[0]).toStartWith(`GET /v2/app/manifests/${digest}?ns=`);
    expect(paths(origin)).toContain("HEAD /v2/app/manifests/v1");
    expect(paths(origin).join()).not.toContain("blobs");
  });

  test("that lies about what a digest has is found out", async () => {
    using mirror = await serve((_, response) => {
      response.setHeader("content-type", mediaTypes.ociManifest);
      response.end(Buffer.concat([manifest, Buffer.from(" ")]));
    });
    using origin = await serve(image);
    hostsFile(origin.host, `[host."http://${mirror.host}"]\ncapabilities = ["pull"]\n`);
    const failed: string[] = [];
    using client = remote();
    const reference = { domain: origin.host, path: "app", tag: "v1" };
    await client.read(reference, pull, (_, { code }) => void failed.push(code));
    expect(failed).toEqual(["BLOB_MISMATCH"]);
  });

  test("of registries.conf is told nothing, and comes first", async () => {
    using old = await serve(nothing);
    using mirror = await serve(image);
    hostsFile("reg.invalid", `[host."http://${mirror.host}"]\n`);
    writeFileSync(
      join(home, "registries.conf"),
      `[[registry]]\nlocation = "reg.invalid"\n[[registry.mirror]]\nlocation = "${old.host}"\n`,
    );
    using client = remote();
    expect(await client.read({ domain: "reg.invalid", path: "app", tag: "v1" }, pull)).toContain(mirror.host);
    expect(paths(old)).toContain("GET /v2/app/manifests/v1");
    expect(paths(old).join()).not.toContain("ns=");
  });
});

describe("the folder", () => {
  test("of a host with a port is HOST_PORT_ before HOST:PORT before _default", async () => {
    using mirror = await serve(image);
    const section = (name: string) => `[host."http://${mirror.host}/${name}"]\n`;
    const root = async () => {
      using client = remote();
      await client.read({ domain: "reg.invalid:5000", path: "app", tag: "v1" }, pull);
      return paths(mirror).at(-2);
    };
    hostsFile("_default", section("default"));
    expect(await root()).toBe("GET /default/v2/app/manifests/v1?ns=reg.invalid%3A5000");
    hostsFile("reg.invalid:5000", section("colon"));
    expect(await root()).toStartWith("GET /colon/");
    hostsFile("reg.invalid_5000_", section("underscore"));
    expect(await root()).toStartWith("GET /underscore/");
  });

  test("of all may put a server in place of every registry: nobody else is asked, lists come from there", async () => {
    using server = await serve(image);
    hostsFile("_default", `server = "http://${server.host}"\n`);
    using client = remote();
    const reference = { domain: "any.invalid", path: "app", tag: "v1" };
    expect(await client.read(reference, pull)).toContain(server.host);
    expect(await Array.fromAsync((await client.origin(reference)).tags())).toEqual(["v1"]);
    expect(await Array.fromAsync((await client.registry("any.invalid")).catalog())).toEqual(["app"]);
    expect(paths(server).filter((line) => !line.includes("ns=any.invalid"))).toEqual([]);
  });
});

describe("pushes", () => {
  test("go to the first that takes them and carry no ns=", async () => {
    using mirror = await serve(nothing);
    using target = await serve(nothing);
    hostsFile(
      "reg.invalid",
      `server = "http://127.0.0.1:1"\n[host."http://${mirror.host}"]\ncapabilities = ["pull", "resolve"]\n[host."http://${target.host}"]\n`,
    );
    using client = remote();
    const repository = await client.repository({ domain: "reg.invalid", path: "app" });
    expect(await repository.headBlob(layer.digest, { forPush: true })).toBeUndefined();
    expect([paths(mirror), paths(target)]).toEqual([[], [`HEAD /v2/app/blobs/${layer.digest}`]]);
  });

  test("and reads that nobody may answer say so", async () => {
    hostsFile("reg.invalid", 'capabilities = ["pull"]\n');
    using client = remote();
    const reference = { domain: "reg.invalid", path: "app", tag: "v1" };
    const pushed = await failure(client.repository(reference));
    expect(pushed.code).toBe("REGISTRY_BLOCKED");
    expect(pushed.text).toContain('"push"');
    const read = await failure(client.read(reference, pull));
    expect(read.code).toBe("REGISTRY_BLOCKED");
    expect(read.text).toContain('"resolve"');
  });
});

describe("secrets", () => {
  const secret = "Basic aGVhZGVyOnNlY3JldA==";
  const challenge =
    (realm: string): Handle =>
    (request, response) => {
      if (request.headers.authorization?.startsWith("Bearer")) return void response.writeHead(404).end();
      response.setHeader("www-authenticate", `Bearer realm="${realm}",service="s"`);
      response.writeHead(401).end();
    };

  test("a header goes to its host alone: to no token server, redirect or other mirror", async () => {
    using tokens = await serve((_, response) => void response.end('{"token":"t"}'));
    using storage = await serve((_, response) => void response.end(blob));
    using origin = await serve(image);
    using asking = await serve(challenge(`http://${tokens.host}/token`));
    using mirror = await serve((request, response, count) => {
      if (!request.url!.includes("/blobs/")) return image(request, response, count);
      response.writeHead(307, { location: `http://${storage.host}/x` }).end();
    });
    const section = (host: string) =>
      `[host."http://${host}"]\n[host."http://${host}".header]\nX-Secret = "${secret}"\nUser-Agent = "custom"\nAccept = "x/y"\n`;
    hostsFile(origin.host, section(asking.host) + section(mirror.host));
    using client = remote();
    const reference = { domain: origin.host, path: "app", tag: "v1" };
    expect(await client.read(reference, pull)).toBe(`${mirror.host}: ${blob}`);
    await client.origin(reference).then((place) => Array.fromAsync(place.tags()));
    for (const { seen } of [asking, mirror])
      for (const { headers } of seen)
        expect([headers["x-secret"], headers["user-agent"]]).toEqual([secret, "custom"]);
    expect(mirror.seen[0]!.headers.accept).toContain(mediaTypes.ociManifest);
    expect([asking, tokens, storage, origin].map(({ seen }) => seen.length > 0)).toEqual([
      true,
      true,
      true,
      true,
    ]);
    for (const { seen } of [tokens, storage, origin])
      for (const { headers } of seen)
        expect([headers["x-secret"], headers["user-agent"]]).toEqual([undefined, "strake"]);
  });

  test("credentials given by hand are the registry's and no mirror's; each host has its own login", async () => {
    const basic: Handle = (request, response, count) => {
      if (request.headers.authorization !== undefined) return image(request, response, count);
      response.writeHead(401, { "www-authenticate": 'Basic realm="r"' }).end();
    };
    using stranger = await serve(basic);
    using origin = await serve(basic);
    hostsFile(origin.host, `[host."http://${stranger.host}"]\n`);
    const by = (name: string) => `Basic ${Buffer.from(`${name}:p`).toString("base64")}`;
    const reference = { domain: origin.host, path: "app", tag: "v1" };
    using given = remote({ credentials: { kind: "basic", username: "hand", password: "p" } });
    expect(await given.read(reference, pull)).toContain(origin.host);
    expect(stranger.seen.map(({ headers }) => headers.authorization)).toEqual([undefined]);
    expect(origin.seen.at(-1)!.headers.authorization).toBe(by("hand"));
    const login = (name: string) => ({ auth: Buffer.from(`${name}:p`).toString("base64") });
    mkdirSync(join(home, ".docker"));
    writeFileSync(
      join(home, ".docker/config.json"),
      JSON.stringify({ auths: { [stranger.host]: login("mirror"), [origin.host]: login("own") } }),
    );
    using kept = remote();
    expect(await kept.read(reference, pull)).toContain(stranger.host);
    expect(stranger.seen.at(-1)!.headers.authorization).toBe(by("mirror"));
  });

  test("a mirror of registries.conf does not get them either", async () => {
    using mirror = await serve((_, response) => {
      response.writeHead(401, { "www-authenticate": 'Basic realm="r"' }).end();
    });
    using origin = await serve(image);
    writeFileSync(
      join(home, "registries.conf"),
      `[[registry]]\nlocation = "${origin.host}"\n[[registry.mirror]]\nlocation = "${mirror.host}"\n`,
    );
    using client = remote({ credentials: { kind: "basic", username: "hand", password: "p" } });
    expect(await client.read({ domain: origin.host, path: "app", tag: "v1" }, pull)).toContain(origin.host);
    expect(mirror.seen.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
  });

  test("a login is tried with the registry itself, wherever its hosts.toml leads", async () => {
    using server = await serve(image);
    using itself = await serve(image);
    hostsFile(itself.host, `server = "http://${server.host}"\n`);
    using client = remote();
    await (await client.registryForLogin(itself.host)).ping();
    expect(server.seen).toEqual([]);
    expect(paths(itself)).toEqual(["GET /v2/"]);
  });
});
