import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspectManifest, resolveRemote } from "../../src/engine/index.ts";
import { renderError, toStrakeError } from "../../src/errors/index.ts";
import { Registry } from "../../src/registry/server/index.ts";
import { Authority, type Certified } from "../support/certificates.ts";
import { freePort } from "../support/free-port.ts";
import { userEnv } from "../support/user-env.ts";

const home = mkdtempSync(join(tmpdir(), "strake-client-tls-"));
const ours = new Authority("Team Root");
const foreign = new Authority("Somebody Else");
afterAll(() => {
  for (const each of [ours, foreign]) each[Symbol.dispose]();
  rmSync(home, { recursive: true, force: true });
});

/** The folder for certificates of a host, with our authority's in it, and the environment that leads there. */
function trusting(host: string) {
  const certs = join(home, "certs.d", host);
  mkdirSync(certs, { recursive: true });
  writeFileSync(join(certs, "ca.crt"), ours.cert);
  return { certs, env: userEnv(home, { STRAKE_CERTS_DIR: join(home, "certs.d") }) };
}

/** What is answered to a user, or what one reads in its place. */
async function answer(work: Promise<{ digest: string }>, host: string): Promise<string> {
  return await work.then(
    ({ digest }) => digest,
    (error) => renderError(toStrakeError(error)).replaceAll(host, "HOST"),
  );
}

/** What a user reads who asks a registry with that certificate and trusts `ours`. */
async function told(tls: Certified, options: { readonly insecure?: boolean } = {}): Promise<string> {
  await using registry = await Registry.start({ tls });
  const { host } = new URL(registry.url);
  const { env } = trusting(host);
  return await answer(resolveRemote(`${host}/app:1`, { env, ...options }), host);
}

test("a certificate that is good leads to the registry", async () => {
  expect(await told(ours.sign("IP:127.0.0.1"))).toContain("HOST has no");
});

test("ended: since when, and what the clock says here", async () => {
  const text = await told(ours.sign("IP:127.0.0.1", -1));
  const day = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
  expect(text).toStartWith(`error: the certificate of HOST has ended on ${day}\nhint: `);
  expect(text).toContain(`this machine's clock says ${new Date().toISOString().slice(0, 10)}`);
  expect(text).toContain("--insecure");
});

test("for another host: for which ones", async () => {
  const text = await told(ours.sign("DNS:registry.example,DNS:mirror.example"));
  expect(text).toStartWith(
    "error: the certificate of HOST is not for 127.0.0.1 but for registry.example, mirror.example\nhint: ",
  );
  expect(text).toContain("--insecure");
  expect(text).not.toContain("ca.crt");
});

test("signed by an authority that is not trusted: by which, and where its certificate goes", async () => {
  const text = await told(foreign.sign("IP:127.0.0.1"));
  expect(text).toStartWith(
    'error: the certificate of HOST is signed by "Somebody Else", whom nobody here trusts\nhint: ',
  );
  expect(text).toContain("/etc/containers/certs.d/HOST/ca.crt");
});

test("a certificate of the client is wanted: on this machine too it is not plain HTTP that is tried then", async () => {
  const tls = { ...ours.sign("IP:127.0.0.1"), clientCA: foreign.cert };
  await using registry = await Registry.start({ tls });
  const { host } = new URL(registry.url);
  const env = userEnv(home, { STRAKE_CERTS_DIR: join(home, "none") });
  const without = await answer(resolveRemote(`${host}/app:1`, { env }), host);
  expect(without).toStartWith("error: HOST does not take our certificate, or wants one");
  expect(without).toContain("/etc/containers/certs.d/HOST/ as client.cert and client.key");
  const { certs, env: own } = trusting(host);
  const { cert, key } = foreign.sign("DNS:ann");
  for (const [name, text] of Object.entries({ "client.cert": cert, "client.key": key }))
    writeFileSync(join(certs, name), text);
  expect(await answer(resolveRemote(`${host}/app:1`, { env: own }), host)).toContain("HOST has no");
});

test("--insecure asks none of this", async () => {
  expect(await told(foreign.sign("IP:127.0.0.1", -1), { insecure: true })).toContain("HOST has no");
});

describe("plain HTTP, by hosts.toml, to a port of TLS:", () => {
  const asked = async (host: string, ask: typeof resolveRemote | typeof inspectManifest = resolveRemote) => {
    const { certs, env } = trusting(host);
    writeFileSync(join(certs, "hosts.toml"), `server = "http://${host}"\n`);
    rmSync(join(certs, "ca.crt"));
    return await answer(ask(`${host}/app:1`, { env, retry: { attempts: 1 } }), host);
  };
  const hint = "\nhint: if it speaks TLS, write https:// where it is named with http:// (hosts.toml)";

  test("our registry hangs up: what to write in its place", async () => {
    await using registry = await Registry.start({ tls: ours.sign("IP:127.0.0.1") });
    const text = await asked(new URL(registry.url).host);
    expect(text).toStartWith("error: HOST hung up on plain HTTP: ECONNRESET");
    expect(text).toContain(hint);
  });

  test.each([
    "Client sent an HTTP request to an HTTPS server.\n",
    "<html><body>The plain HTTP request was sent to HTTPS port</body></html>",
  ])("a server that says so is understood: %s", async (body) => {
    using server = Bun.listen({
      ...{ hostname: "127.0.0.1", port: 0 },
      socket: {
        data: (socket) => {
          socket.end(`HTTP/1.0 400 Bad Request\r\n\r\n${body}`);
        },
      },
    });
    const host = `127.0.0.1:${server.port}`;
    const text = await asked(host, inspectManifest);
    expect(text).toStartWith("error: HOST speaks TLS, and was asked in plain HTTP");
    expect(text).toContain(hint);
    // A HEAD, to which a body is not heard.
    expect(await asked(host)).toEndWith(`with status 400${hint}`);
  });
});

test("a registry that wants our certificate: it says so, and where that goes", async () => {
  const folder = join(home, "wants");
  mkdirSync(folder);
  const { cert, key } = ours.sign("IP:127.0.0.1");
  const at = (name: string) => join(folder, name);
  writeFileSync(at("cert"), cert);
  writeFileSync(at("key"), key);
  writeFileSync(at("ca"), ours.cert);
  const host = `127.0.0.1:${freePort()}`;
  const server = Bun.spawn(
    [
      ...["openssl", "s_server", "-accept", host, "-cert", at("cert"), "-key", at("key")],
      ...["-CAfile", at("ca"), "-Verify", "1", "-verify_return_error", "-www"],
    ],
    { stdin: "ignore", stdout: "ignore", stderr: "ignore" },
  );
  try {
    for (let tries = 0; !(await isListening(host)); tries++) {
      if (tries > 200) throw new Error("openssl s_server does not listen");
      await Bun.sleep(25);
    }
    const { certs, env } = trusting(host);
    const ask = () => answer(inspectManifest(`${host}/app:1`, { env }), host);
    const text = await ask();
    expect(text).toStartWith("error: HOST does not take our certificate, or wants one");
    expect(text).toContain("/etc/containers/certs.d/HOST/ as client.cert and client.key");
    const own = ours.sign("DNS:client");
    writeFileSync(join(certs, "client.cert"), own.cert);
    writeFileSync(join(certs, "client.key"), own.key);
    // A web page of openssl, which knows GET alone, answers now.
    expect(await ask()).not.toContain("certificate");
  } finally {
    server.kill();
    await server.exited;
  }
});

async function isListening(host: string): Promise<boolean> {
  const [hostname = "", port] = host.split(":");
  try {
    (await Bun.connect({ hostname, port: Number(port), socket: { data() {} } })).end();
    return true;
  } catch {
    return false;
  }
}
