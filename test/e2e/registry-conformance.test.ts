import { describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  FileStore,
  MemoryStore,
  type ObjectStore,
  Registry,
  S3Store,
} from "../../src/registry/server/index.ts";
import { findS3Server, s3Credentials, startS3Server } from "../support/s3-server.ts";

/**
 * The distribution-spec's own suite, a program that whoever has it names with OCI_CONFORMANCE_BIN: no check fails, on any
 * storage. What it asks is asked by our own checks too (src/registry/server/protocol/checks), which need no program.
 */
const suite = process.env.OCI_CONFORMANCE_BIN ?? "";
const present = suite !== "" && existsSync(suite);
if (suite === "")
  console.log("skipped: the distribution-spec's suite is not run: OCI_CONFORMANCE_BIN does not name it");
else if (!present) throw new Error(`OCI_CONFORMANCE_BIN names ${suite}, which is not there`);

async function runSuite(storage: ObjectStore, version: Record<string, string | undefined>): Promise<string> {
  const results = mkdtempSync(join(tmpdir(), "strake-conformance-"));
  // The suite counts an image with a missing layer among what a registry may take.
  await using registry = await Registry.start({ storage, sparse: true });
  try {
    const env = { OCI_REGISTRY: registry.host, OCI_TLS: "disabled", OCI_RESULTS_DIR: results };
    const child = Bun.spawn([suite], {
      env: { ...process.env, ...env, ...version },
      stdout: "pipe",
      stderr: "pipe",
      cwd: results,
    });
    const output = await new Response(child.stdout).text();
    await child.exited;
    return output;
  } finally {
    rmSync(results, { recursive: true, force: true });
  }
}

describe.skipIf(!present)("distribution-spec conformance", () => {
  const check = async (open: () => Promise<ObjectStore>) => {
    // 1.1 is the suite's default; "dev" adds what is not released yet.
    for (const version of [{}, { OCI_VERSION: "dev" }]) {
      const output = await runSuite(await open(), version);
      const count = (status: string) =>
        Number(new RegExp(`^ *${status}\\.+: *(\\d+)$`, "im").exec(output)?.[1]);
      expect([count("fail"), count("error")], output.slice(-4000)).toEqual([0, 0]);
      expect(count("pass")).toBeGreaterThan(700);
    }
  };

  test("memory", () => check(async () => new MemoryStore()), 120_000);

  test("files", async () => {
    const folder = mkdtempSync(join(tmpdir(), "strake-conformance-files-"));
    try {
      await check(() => FileStore.open(folder));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }, 120_000);

  const server = findS3Server();
  test.skipIf("reason" in server)(
    "s3",
    async () => {
      if ("reason" in server) return;
      await using s3 = await startS3Server(server.path);
      const { endpoint } = s3;
      await check(() => S3Store.open({ endpoint, bucket: s3.bucket(), credentials: s3Credentials }));
    },
    240_000,
  );
});
