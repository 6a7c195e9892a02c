import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { roleARN, startAWSServices } from "../support/aws-services.ts";
import { pushImage } from "../support/push-image.ts";
import { startServe } from "../support/registry-process.ts";
import { findS3Server, s3Credentials, startS3Server } from "../support/s3-server.ts";
import { startSessionGate } from "../support/s3-sessions.ts";

const folder = mkdtempSync(join(tmpdir(), "strake-registry-s3-credentials-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const found = findS3Server();
if ("reason" in found) console.log(`skipped: S3 credentials of a registry: ${found.reason}`);

/** Nothing of the machine that runs the tests. */
const nobody = {
  ...{ AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "", AWS_SESSION_TOKEN: "", AWS_PROFILE: "" },
  ...{ HOME: folder, AWS_EC2_METADATA_DISABLED: "true" },
};

describe.skipIf("reason" in found)("strake registry serve over S3", () => {
  const path = "path" in found ? found.path : "";

  test("goes on when the keys in a file are replaced, and then unknown to the S3 server", async () => {
    await using s3 = await startS3Server(path);
    const file = join(folder, "keys");
    const write = ({ accessKeyId, secretAccessKey }: typeof next) => {
      const text = `[default]\naws_access_key_id=${accessKeyId}\naws_secret_access_key=${secretAccessKey}\n`;
      writeFileSync(`${file}.new`, text, { mode: 0o600 });
      renameSync(`${file}.new`, file);
    };
    const next = { accessKeyId: "second", secretAccessKey: "second-secret" };
    write(s3Credentials as typeof next);
    const flags = ["--storage", `s3://${s3.bucket()}`, "--s3-endpoint", s3.endpoint];
    const env = { ...nobody, AWS_SHARED_CREDENTIALS_FILE: file };
    const { child, url } = await startServe([...flags, "--listen", "127.0.0.1:0", "--quiet"], folder, env);
    try {
      await pushImage(url, "team/app:v1");
      await Bun.sleep(1100);
      write(next);
      await s3.restart(next);
      const { body } = await pushImage(url, "team/app:v2");
      expect(await (await fetch(`${url}v2/team/app/manifests/v2`)).text()).toBe(body);
      expect((await fetch(`${url}v2/team/app/manifests/v1`)).status).toBe(200);
    } finally {
      child.kill("SIGTERM");
      expect(await child.exited).toBe(0);
    }
  }, 60_000);

  test("by web identity: its sessions are in no log, no message and no process title", async () => {
    await using s3 = await startS3Server(path);
    await using aws = startAWSServices(s3Credentials);
    await using gate = startSessionGate(s3.endpoint, aws);
    const token = join(folder, "token");
    writeFileSync(token, aws.identity);
    const identity = {
      AWS_WEB_IDENTITY_TOKEN_FILE: token,
      AWS_ROLE_ARN: roleARN,
      AWS_ENDPOINT_URL_STS: aws.endpoint,
    };
    const log = join(folder, "access.log");
    const flags = ["--storage", `s3://${s3.bucket()}`, "--s3-endpoint", gate.endpoint, "--log", log];
    const { child, url, said, ended } = await startServe([...flags, "--listen", "127.0.0.1:0"], folder, {
      ...nobody,
      ...identity,
    });
    let title = "";
    try {
      await pushImage(url, "team/app:v1");
      await Bun.sleep(1100);
      aws.endAll();
      await pushImage(url, "team/app:v2");
      expect(aws.issued.length).toBe(2);
      // Nobody gives another: the registry says so and lives.
      aws.identity = "another";
      await Bun.sleep(1100);
      aws.endAll();
      expect((await fetch(`${url}v2/team/app/manifests/v1`)).status).toBe(503);
      aws.identity = readFileSync(token, "utf8");
      expect((await fetch(`${url}v2/team/app/manifests/v1`)).status).toBe(200);
      title = readFileSync(`/proc/${child.pid}/cmdline`, "utf8");
    } finally {
      child.kill("SIGTERM");
      expect(await child.exited).toBe(0);
    }
    await ended;
    const logged = readFileSync(log, "utf8");
    expect(logged).toContain("InvalidIdentityToken");
    for (const secret of [s3Credentials.secretAccessKey, aws.identity, ...aws.issued])
      for (const place of [logged, said(), title]) expect(place).not.toContain(secret);
  }, 60_000);
});
