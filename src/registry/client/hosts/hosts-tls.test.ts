import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { ServerOptions } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { userEnv } from "../../../../test/support/user-env.ts";
import { failure, serve } from "../fake-registry.test-support.ts";
import { Remote } from "../remote.ts";

/** What hosts.toml says about TLS and connections, before servers that insist on it. */
let home: string;
const obstacle = Bun.which("openssl") === null ? "openssl is not installed" : undefined;
if (obstacle) console.log(`TLS of hosts.toml is not tested: ${obstacle}`);

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "strake-hosts-tls-"));
  writeFileSync(join(home, "registries.conf"), "");
  if (obstacle === undefined) for (const name of ["server", "client"]) makeCertificate(name);
});
afterAll(() => rmSync(home, { recursive: true }));

function makeCertificate(name: string): void {
  const made = Bun.spawnSync([
    ...["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
    ...["-keyout", join(home, `${name}.key`), "-out", join(home, `${name}.pem`), "-days", "1"],
    ...["-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1"],
  ]);
  if (!made.success) throw new Error(made.stderr.toString());
}

const pem = (name: string) => readFileSync(join(home, name), "utf8");

const serveTLS = (options: ServerOptions = {}, status: (socket: TLSSocket) => number = () => 200) =>
  serve(
    ({ socket }, response) => void response.writeHead(status(socket as TLSSocket)).end('{"tags":["tls"]}'),
    { ...{ cert: pem("server.pem"), key: pem("server.key") }, ...options },
  );

/** The tags of a repository through a hosts.toml, which lies beside the certificates. */
async function tags(text: string): Promise<string[]> {
  const folder = join(home, "certs.d", "reg.invalid");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "hosts.toml"), text);
  const env = {
    ...userEnv(home, { STRAKE_CERTS_DIR: join(home, "certs.d") }),
    CONTAINERS_REGISTRIES_CONF: join(home, "registries.conf"),
  };
  using remote = new Remote({ env, retry: { attempts: 1 } });
  return await Array.fromAsync((await remote.origin({ domain: "reg.invalid", path: "app" })).tags());
}

describe.skipIf(obstacle !== undefined)("TLS", () => {
  test("is checked on loopback too, unless the file says not to; with its CA it is trusted", async () => {
    using server = await serveTLS();
    const address = `server = "https://${server.host}"\n`;
    expect((await failure(tags(address))).code).toBe("REGISTRY_TLS");
    expect((await failure(tags(`${address}ca = "../../client.pem"\n`))).code).toBe("REGISTRY_TLS");
    expect(await tags(`${address}ca = "../../server.pem"\n`)).toEqual(["tls"]);
    expect(await tags(`${address}ca = ["../../client.pem", "${home}/server.pem"]\n`)).toEqual(["tls"]);
    expect(await tags(`${address}skip_verify = true\n`)).toEqual(["tls"]);
  });

  test("with a client's certificate: a pair, or both in a file", async () => {
    using server = await serveTLS({ requestCert: true, rejectUnauthorized: true, ca: pem("client.pem") });
    const address = `server = "https://${server.host}"\nskip_verify = true\n`;
    writeFileSync(join(home, "both.pem"), pem("client.pem") + pem("client.key"));
    expect((await failure(tags(address))).code).toStartWith("REGISTRY_");
    expect(await tags(`${address}client = [["../../client.pem", "../../client.key"]]\n`)).toEqual(["tls"]);
    expect(await tags(`${address}client = "../../both.pem"\n`)).toEqual(["tls"]);
  });

  test("with the one of several certificates of ours that the server wants", async () => {
    for (const name of ["another", "third"]) makeCertificate(name);
    const pair = (name: string) => `["../../${name}.pem", "../../${name}.key"]`;
    const ca = pem("client.pem");
    using strict = await serveTLS({ requestCert: true, rejectUnauthorized: true, ca });
    using only12 = await serveTLS({ requestCert: true, rejectUnauthorized: true, ca, maxVersion: "TLSv1.2" });
    // As nginx does: TLS goes on, and what is asked over it is refused.
    using lenient = await serveTLS({ requestCert: true, rejectUnauthorized: false, ca }, (socket) =>
      socket.authorized ? 200 : 400,
    );
    for (const { host } of [strict, only12, lenient]) {
      const address = `server = "https://${host}"\nskip_verify = true\n`;
      const all = ["another", "client", "third"];
      for (const order of [all, all.toReversed(), ["client", "another"]])
        expect(await tags(`${address}client = [${order.map(pair).join(", ")}]\n`)).toEqual(["tls"]);
      const { code } = await failure(tags(`${address}client = [${pair("another")}, ${pair("third")}]\n`));
      expect(code).toMatch(host === lenient.host ? /^REGISTRY_REFUSED$/ : /^REGISTRY_(TLS|UNREACHABLE)$/);
    }
    // certs.d: every pair of the folder.
    const folder = join(home, "docker.d", strict.host);
    mkdirSync(folder, { recursive: true });
    const put = (name: string, as: string) => {
      writeFileSync(join(folder, `${as}.cert`), pem(`${name}.pem`));
      writeFileSync(join(folder, `${as}.key`), pem(`${name}.key`));
    };
    const env = userEnv(home, { STRAKE_CERTS_DIR: join(home, "docker.d") });
    const read = async () => {
      using remote = new Remote({ env, retry: { attempts: 1 } });
      return await Array.fromAsync((await remote.origin({ domain: strict.host, path: "app" })).tags());
    };
    put("another", "a");
    expect((await failure(read())).code).toStartWith("REGISTRY_");
    put("client", "z");
    writeFileSync(join(folder, "ca.crt"), pem("server.pem"));
    expect(await read()).toEqual(["tls"]);
    rmSync(join(folder, "a.key"));
    const { code, text } = await failure(read());
    expect([code, text]).toEqual([
      "REGISTRY_CONFIG",
      expect.stringContaining("a.cert is a certificate of ours without its key"),
    ]);
  });

  test("a server that is not there is not asked with each certificate", async () => {
    const { code } = await failure(
      tags('server = "https://127.0.0.1:1"\nclient = ["../../both.pem", "../../both.pem"]\n'),
    );
    expect(code).toBe("REGISTRY_UNREACHABLE");
  });

  test("is tried first at an http address that has settings for it, and done without where nobody speaks it", async () => {
    using server = await serveTLS();
    expect(await tags(`server = "http://${server.host}"\nskip_verify = true\n`)).toEqual(["tls"]);
    using plain = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: () => Response.json({ tags: ["plain"] }),
    });
    const address = `server = "http://127.0.0.1:${plain.port}"\n`;
    expect(await tags(`${address}skip_verify = true\n`)).toEqual(["plain"]);
    expect(await tags(address)).toEqual(["plain"]);
  });

  test("a file that is not there is named", async () => {
    const { code, text } = await failure(tags('server = "https://127.0.0.1:1"\nca = "gone.pem"\n'));
    expect(code).toBe("REGISTRY_CONFIG");
    expect(text).toContain(join(home, "certs.d/reg.invalid/gone.pem"));
  });
});

/** A port that takes no more connections: nobody accepts those that wait there. */
async function deafPort() {
  const script =
    'use IO::Socket::INET; $| = 1; $s = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1"); print $s->sockport, "\\n"; <STDIN>';
  const child = Bun.spawn(["perl", "-e", script], { stdin: "pipe", stdout: "pipe" });
  const { value } = await child.stdout.getReader().read();
  const port = Number(Buffer.from(value!).toString());
  const waiting = Array.from({ length: 4 }, () => connect(port, "127.0.0.1").on("error", () => {}));
  await Bun.sleep(100);
  return {
    host: `127.0.0.1:${port}`,
    [Symbol.dispose]() {
      for (const socket of waiting) socket.destroy();
      child.kill();
    },
  };
}

const deafObstacle = Bun.which("perl") === null ? "perl is not installed" : undefined;
if (deafObstacle) console.log(`dial_timeout is not tested: ${deafObstacle}`);

test.skipIf(deafObstacle !== undefined)("dial_timeout ends the wait for a connection", async () => {
  using deaf = await deafPort();
  const { code, text } = await failure(tags(`server = "http://${deaf.host}"\ndial_timeout = "50ms"\n`));
  expect(code).toBe("REGISTRY_UNREACHABLE");
  expect(text).toContain(`${deaf.host} took no connection within 0.05 seconds`);
});
