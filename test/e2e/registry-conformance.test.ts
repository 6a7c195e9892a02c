import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { htpasswdLine } from "../../src/registry/server/access/htpasswd.ts";
import { allChecks, Peer, runChecks } from "../../src/registry/server/protocol/checks/index.ts";
import { findS3Server, type S3Server, s3Credentials, startS3Server } from "../support/s3-server.ts";
import { serveRegistry } from "../support/serve-registry.ts";
import { countOfSuite } from "../support/suite-count.ts";

/**
 * `strake registry serve` with nothing said but where it stores, as somebody starts it to try it: our own checks, and the
 * distribution-spec's program, newest or v1.1.1, that whoever has it names with OCI_CONFORMANCE_BIN.
 */
const suite = process.env.OCI_CONFORMANCE_BIN ?? "";
if (suite === "")
  console.log("skipped: the distribution-spec's suite is not run: OCI_CONFORMANCE_BIN does not name it");
else if (!existsSync(suite)) throw new Error(`OCI_CONFORMANCE_BIN names ${suite}, which is not there`);

/** Both programs read their own of these. */
const workflows = ["PULL", "PUSH", "CONTENT_DISCOVERY", "CONTENT_MANAGEMENT"];
const suiteSettings = (host: string) => ({
  OCI_REGISTRY: host,
  OCI_TLS: "disabled",
  OCI_ROOT_URL: `http://${host}`,
  OCI_NAMESPACE: "conformance/one",
  OCI_CROSSMOUNT_NAMESPACE: "conformance/two",
  ...Object.fromEntries(workflows.map((workflow) => [`OCI_TEST_${workflow}`, "1"])),
});

async function runSuite(host: string, settings: Readonly<Record<string, string>>): Promise<void> {
  const results = mkdtempSync(join(tmpdir(), "strake-conformance-"));
  const reports = { OCI_RESULTS_DIR: results, OCI_REPORT_DIR: results };
  try {
    const child = Bun.spawn([suite], {
      env: { ...process.env, ...suiteSettings(host), ...reports, ...settings },
      stdout: "pipe",
      stderr: "pipe",
      cwd: results,
    });
    const output = await new Response(child.stdout).text();
    const code = await child.exited;
    const { passed, failed, expected } = countOfSuite(output);
    expect([code, failed], output.slice(-4000)).toEqual([0, 0]);
    expect(passed).toBeGreaterThan(expected);
  } finally {
    rmSync(results, { recursive: true, force: true });
  }
}

async function failures(url: string): Promise<{ name: string; failure: string | undefined }[]> {
  const results = await runChecks(new Peer(url), allChecks);
  return results
    .filter(({ failure }) => failure !== undefined)
    .map(({ check, failure }) => ({ name: `${check.subject}: ${check.name}`, failure }));
}

interface Place {
  readonly flags: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

function testPlace(name: string, place: () => Place): void {
  describe(name, () => {
    const serve = (...more: string[]) => {
      const { flags, env } = place();
      return serveRegistry([...flags, "--listen", "127.0.0.1:0", ...more], env);
    };

    test("our checks: what is not here is refused unless --sparse is said, and nothing else fails", async () => {
      const registry = await serve();
      const failed = await failures(registry.url).finally(() => registry.kill("SIGTERM"));
      expect(failed).toEqual([
        {
          name: "content: an image whose layer is not here",
          failure: expect.stringContaining("MANIFEST_BLOB_UNKNOWN"),
        },
      ]);
      const sparse = await serve("--sparse");
      expect(await failures(sparse.url).finally(() => sparse.kill("SIGTERM"))).toEqual([]);
    }, 120_000);

    test.skipIf(suite === "")(
      "the suite: as it comes, twice over, of what comes after 1.1, and of what is not here",
      async () => {
        const registry = await serve();
        try {
          for (let round = 0; round < 2; round++) await runSuite(registry.host, {});
          await runSuite(registry.host, { OCI_VERSION: "dev" });
        } finally {
          await registry.kill("SIGTERM");
        }
        const sparse = await serve("--sparse");
        await runSuite(sparse.host, { OCI_DATA_SPARSE: "true" }).finally(() => sparse.kill("SIGTERM"));
      },
      240_000,
    );
  });
}

testPlace("memory", () => ({ flags: ["--storage", "memory"] }));

const folder = mkdtempSync(join(tmpdir(), "strake-conformance-files-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
testPlace("files", () => ({ flags: ["--root", folder] }));

/** Who may mount from anywhere is an administrator, and says so with a password: no token is for all repositories. */
describe.each([
  ["an administrator's password", ["--admin", "ann"], []],
  ["tokens", ["--token"], ["mount: sha256: without from", "mount: sha512: without from"]],
] as const)("asked for %s", (_, flags, lacking) => {
  const password = "correct horse";
  const serve = async () => {
    const htpasswd = join(folder, "users");
    await Bun.write(htpasswd, `${await htpasswdLine({ name: "ann", password }, 4)}\n`);
    const storage = ["--storage", "memory", "--sparse", "--listen", "127.0.0.1:0"];
    return serveRegistry([...storage, "--htpasswd", htpasswd, ...flags]);
  };

  test("our checks", async () => {
    const registry = await serve();
    const url = registry.url.replace("://", `://ann:${encodeURIComponent(password)}@`);
    const failed = await failures(url).finally(() => registry.kill("SIGTERM"));
    expect(failed).toEqual(lacking.map((name) => ({ name, failure: "the status of a mount: 202, not 201" })));
  }, 60_000);

  test.skipIf(suite === "")(
    "the suite",
    async () => {
      const registry = await serve();
      const user = { OCI_USERNAME: "ann", OCI_PASSWORD: password };
      await runSuite(registry.host, user).finally(() => registry.kill("SIGTERM"));
    },
    60_000,
  );
});

const found = findS3Server();
if ("reason" in found) console.log(`skipped: the registry over S3 is not asked: ${found.reason}`);
describe.skipIf("reason" in found)("over an S3 server", () => {
  let s3: S3Server;
  beforeAll(async () => {
    if ("path" in found) s3 = await startS3Server(found.path);
  });
  afterAll(() => s3[Symbol.asyncDispose]());
  testPlace("s3", () => ({
    flags: ["--storage", `s3://${s3.bucket()}`, "--s3-endpoint", s3.endpoint],
    env: {
      AWS_ACCESS_KEY_ID: s3Credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3Credentials.secretAccessKey,
    },
  }));
});
