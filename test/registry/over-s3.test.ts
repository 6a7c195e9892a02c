import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findS3Server, type S3Server, s3Credentials, startS3Server } from "../support/s3-server.ts";
import { serveRegistry } from "../support/serve-registry.ts";

const found = findS3Server();
const executable = process.env.STRAKE_BIN;
const obstacle =
  "reason" in found ? found.reason : executable ? undefined : "STRAKE_BIN names no executable to be tested";
if (obstacle) console.log(`skipped: the executable over S3: ${obstacle}`);

describe.skipIf(obstacle !== undefined)("the executable serves over S3", () => {
  let s3: S3Server;
  const folder = mkdtempSync(join(tmpdir(), "strake-over-s3-"));
  beforeAll(async () => {
    if ("path" in found) s3 = await startS3Server(found.path);
  });
  afterAll(async () => {
    await s3[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  /** The environment the process began with, once it serves. */
  async function begunWith(flags: readonly string[], command?: readonly string[]): Promise<string[]> {
    const { accessKeyId, secretAccessKey } = s3Credentials;
    const env = {
      ...{ AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
      AWS_ENDPOINT_URL: s3.endpoint,
    };
    const served = await serveRegistry([...flags, "--listen", "127.0.0.1:0"], env, command);
    try {
      expect((await fetch(`${served.url}v2/`)).status).toBe(200);
      return readFileSync(`/proc/${served.pid}/environ`, "utf8").split("\0");
    } finally {
      await served.kill();
    }
  }
  const option = "MIMALLOC_PURGE_DELAY=0";

  test("anew, with an allocator that keeps nothing back: by a flag and by a configuration file", async () => {
    expect(await begunWith(["--storage", `s3://${s3.bucket()}`])).toContain(option);
    const config = join(folder, "registry.toml");
    writeFileSync(config, `storage = { driver = "s3", bucket = "${s3.bucket()}" }\n`);
    expect(await begunWith(["--config", config])).toContain(option);
    // What a flag says counts.
    expect(await begunWith(["--config", config, "--storage", "memory"])).not.toContain(option);
  });

  test("as it began where its configuration can be read only once", async () => {
    const config = join(folder, "piped.toml");
    writeFileSync(config, `storage = { driver = "s3", bucket = "${s3.bucket()}" }\n`);
    const command = ["bash", "-c", `exec "$0" "$@" --config <(cat ${config})`, executable!];
    expect(await begunWith([], command)).not.toContain(option);
  });
});
