// The registry client on the machine's own node: sockets, tokens, resuming.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { connect, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { proxiesOf, Registry, Remote } from "../../dist/lib/registry/client/index.js";

const content = randomBytes(2 << 20);
const digest = `sha256:${createHash("sha256").update(content).digest("hex")}`;
const blob = { digest, size: content.length };

async function serve(handle) {
  const server = createServer(handle);
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${server.address().port}`;
  const registry = await Registry.connect(host, {
    settings: { url: new URL(`http://${host}`) },
    credentials: async () => ({ kind: "basic", username: "ann", password: "pw" }),
    retry: { baseMs: 1 },
    stallMs: 300,
  });
  return {
    repository: registry.repository("a/b"),
    stop() {
      registry.close();
      server.closeAllConnections();
      server.close();
    },
  };
}

test("a download with a token goes on after it was cut and after it stalled", async () => {
  let downloads = 0;
  const { repository, stop } = await serve((request, response) => {
    if (request.url.startsWith("/token")) return response.end('{"token":"t"}');
    if (request.headers.authorization !== "Bearer t") {
      const realm = `http://${request.headers.host}/token`;
      return response.writeHead(401, { "www-authenticate": `Bearer realm="${realm}"` }).end();
    }
    const start = Number(/=(\d+)-/.exec(request.headers.range ?? "=0-")[1]);
    response.writeHead(start ? 206 : 200, {
      "content-length": content.length - start,
      ...(start ? { "content-range": `bytes ${start}-${content.length - 1}/${content.length}` } : {}),
    });
    const step = downloads++;
    if (step === 0) response.write(content.subarray(0, 500_000), () => response.destroy());
    else if (step === 1) response.write(content.subarray(start, start + 500_000));
    else response.end(content.subarray(start));
  });
  const parts = [];
  for await (const part of repository.getBlob(blob)) parts.push(part);
  stop();
  assert.ok(Buffer.concat(parts).equals(content));
  assert.ok(downloads >= 3);
});

test("an upload is one request for the bytes", async () => {
  const seen = [];
  let got = Buffer.alloc(0);
  const { repository, stop } = await serve(async (request, response) => {
    seen.push(request.method);
    const parts = [];
    for await (const part of request) parts.push(part);
    got = Buffer.concat([got, ...parts]);
    response.writeHead(request.method === "PUT" ? 201 : 202, { location: "/up" }).end();
  });
  await repository.uploadBlob(blob, { open: (start, end) => [content.subarray(start, end)] });
  stop();
  assert.deepEqual(seen, ["POST", "PATCH", "PUT"]);
  assert.ok(got.equals(content));
});

test("a hosts.toml leads to its mirror, which is told whose image it is asked for; TLS is what the file says", async () => {
  const home = mkdtempSync(join(tmpdir(), "strake-node-hosts-"));
  const seen = [];
  const mirror = createServer((request, response) => {
    seen.push(`${request.url} ${request.headers["x-team"]}`);
    response.end('{"tags":["v1"]}');
  });
  await new Promise((resolve) => mirror.listen(0, "127.0.0.1", resolve));
  const address = `http://127.0.0.1:${mirror.address().port}/us`;
  mkdirSync(join(home, "reg.invalid_5000_"));
  writeFileSync(
    join(home, "reg.invalid_5000_/hosts.toml"),
    `server = "${address}"\nskip_verify = true\ndial_timeout = "5s"\n[header]\nx-team = "a"\n`,
  );
  const env = { HOME: home, STRAKE_CERTS_DIR: home, CONTAINERS_REGISTRIES_CONF: "/dev/null" };
  const remote = new Remote({ env, retry: { attempts: 1 } });
  const tags = [];
  for await (const tag of (await remote.origin({ domain: "reg.invalid:5000", path: "app" })).tags())
    tags.push(tag);
  remote.close();
  mirror.closeAllConnections();
  mirror.close();
  rmSync(home, { recursive: true });
  assert.deepEqual(tags, ["v1"]);
  assert.deepEqual(seen, ["/us/v2/app/tags/list?n=1000&ns=reg.invalid%3A5000 a"]);
});

test("a tunnel of HTTPS_PROXY carries TLS with the registry, and its password stays with the proxy", async () => {
  const home = mkdtempSync(join(tmpdir(), "strake-node-proxy-"));
  const [key, cert] = [join(home, "key"), join(home, "cert")];
  execFileSync(
    "openssl",
    [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
      ...["-keyout", key, "-out", cert, "-subj", "/CN=r", "-addext", "subjectAltName=DNS:reg.invalid"],
    ],
    { stdio: "ignore" },
  );
  const seen = [];
  const origin = createSecureServer(
    { key: readFileSync(key), cert: readFileSync(cert) },
    (request, response) => {
      seen.push(`${request.method} ${request.url} ${request.headers["proxy-authorization"]}`);
      response.end(content);
    },
  );
  const proxy = createServer().on("connect", (request, client) => {
    seen.push(`CONNECT ${request.url} ${request.headers["proxy-authorization"]}`);
    if (request.url !== "reg.invalid:443") return client.end("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
    const there = connect(origin.address().port, "127.0.0.1", () => {
      client.write("HTTP/1.1 200 OK\r\n\r\n");
      client.pipe(there).pipe(client);
    });
    for (const side of [client, there]) side.on("error", () => {});
  });
  for (const each of [origin, proxy]) await new Promise((resolve) => each.listen(0, "127.0.0.1", resolve));
  const open = (host) =>
    Registry.connect(host, {
      settings: { tls: { ca: [readFileSync(cert, "utf8")] } },
      proxies: proxiesOf({ HTTPS_PROXY: `http://ann:pw@127.0.0.1:${proxy.address().port}` }),
      retry: { baseMs: 1 },
    });
  const registry = await open("reg.invalid");
  for (let round = 0; round < 2; round++) {
    const parts = [];
    for await (const part of registry.repository("a/b").getBlob(blob)) parts.push(part);
    assert.ok(Buffer.concat(parts).equals(content));
  }
  registry.close();
  const other = await open("other.invalid");
  await assert.rejects(other.ping(), { code: "REGISTRY_PROXY_DENIED" });
  other.close();
  for (const each of [origin, proxy]) each.close();
  origin.closeAllConnections();
  rmSync(home, { recursive: true });
  const get = `GET /v2/a/b/blobs/${digest} undefined`;
  const basic = "Basic YW5uOnB3";
  assert.deepEqual(seen, [
    `CONNECT reg.invalid:443 ${basic}`,
    get,
    get,
    `CONNECT other.invalid:443 ${basic}`,
  ]);
});

test("SOCKS5 of ALL_PROXY: a login, a name that only the proxy knows, one connection that is kept", async () => {
  const origin = createServer((_, response) => response.end(content));
  await new Promise((resolve) => origin.listen(0, "127.0.0.1", resolve));
  const seen = [];
  const proxy = createTcpServer((client) => {
    client.on("error", () => {});
    const answers = [
      () => [5, 2],
      () => [1, 0],
      (asked) => {
        seen.push(asked.subarray(5, 5 + asked[4]).toString());
        const there = connect(origin.address().port, "127.0.0.1", () => client.pipe(there).pipe(client));
        there.on("error", () => {});
        return [5, 0, 0, 1, 127, 0, 0, 1, 0, 80];
      },
    ];
    const onData = (bytes) => {
      const answer = answers.shift()(bytes);
      if (answers.length === 0) client.pause().off("data", onData);
      client.write(Buffer.from(answer));
    };
    client.on("data", onData);
  });
  await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const registry = await Registry.connect("reg.invalid", {
    settings: { url: new URL("http://reg.invalid") },
    proxies: proxiesOf({ ALL_PROXY: `socks5h://ann:pw@127.0.0.1:${proxy.address().port}` }),
  });
  for (let round = 0; round < 2; round++) {
    const parts = [];
    for await (const part of registry.repository("a/b").getBlob(blob)) parts.push(part);
    assert.ok(Buffer.concat(parts).equals(content));
  }
  registry.close();
  for (const each of [origin, proxy]) each.close();
  origin.closeAllConnections();
  assert.deepEqual(seen, ["reg.invalid"]);
});
