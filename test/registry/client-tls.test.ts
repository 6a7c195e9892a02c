import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { remoteDigest } from "../../src/engine/index.ts";
import { renderError, toStrakeError } from "../../src/errors/index.ts";
import { Registry } from "../../src/registry/server/index.ts";
import { Authority, type Certified } from "../support/certificates.ts";

const home = mkdtempSync(join(tmpdir(), "strake-client-tls-"));
const ours = new Authority("Team Root");
const foreign = new Authority("Somebody Else");
afterAll(() => {
  for (const each of [ours, foreign]) each[Symbol.dispose]();
  rmSync(home, { recursive: true, force: true });
});

/** What a user reads who asks a registry with that certificate and trusts `ours`. */
async function told(tls: Certified, options: { readonly insecure?: boolean } = {}): Promise<string> {
  await using registry = await Registry.start({ tls });
  const { host } = new URL(registry.url);
  const certs = join(home, "certs.d", host);
  mkdirSync(certs, { recursive: true });
  writeFileSync(join(certs, "ca.crt"), ours.cert);
  const env = {
    HOME: home,
    STRAKE_CERTS_DIR: join(home, "certs.d"),
    CONTAINERS_REGISTRIES_CONF: "/dev/null",
  };
  try {
    return await remoteDigest(`${host}/app:1`, { env, ...options });
  } catch (error) {
    return renderError(toStrakeError(error)).replaceAll(host, "HOST");
  }
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

test("--insecure asks none of this", async () => {
  expect(await told(foreign.sign("IP:127.0.0.1", -1), { insecure: true })).toContain("HOST has no");
});
