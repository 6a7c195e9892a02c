import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { ServerOptions } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
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

const serveTLS = (options: ServerOptions = {}) =>
  serve((_, response) => void response.end('{"tags":["tls"]}'), {
    ...{ cert: pem("server.pem"), key: pem("server.key") },
    ...options,
  });

/** The tags of a repository through a hosts.toml, which lies beside the certificates. */
async function tags(text: string): Promise<string[]> {
  const folder = join(home, "certs.d", "reg.invalid");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "hosts.toml"), text);
  const env = {
    ...{ HOME: home, CONTAINERS_REGISTRIES_CONF: join(home, "registries.conf") },
    STRAKE_CERTS_DIR: join(home, "certs.d"),
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
