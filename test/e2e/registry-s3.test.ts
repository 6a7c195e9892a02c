import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pushImage } from "../support/push-image.ts";
import { program, startServe } from "../support/registry-process.ts";
import { findS3Server, s3Credentials, startS3Server } from "../support/s3-server.ts";

const folder = mkdtempSync(join(tmpdir(), "strake-registry-s3-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const found = findS3Server();
if ("reason" in found) console.log(`skipped: replicas from the command line: ${found.reason}`);

test.skipIf("reason" in found)(
  "two replicas over one bucket from the command line, and commands beside them",
  async () => {
    if ("reason" in found) return;
    await using s3 = await startS3Server(found.path);
    const env = {
      AWS_ACCESS_KEY_ID: s3Credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3Credentials.secretAccessKey,
    };
    const place = ["--storage", `s3://${s3.bucket()}/team/images`, "--s3-endpoint", s3.endpoint];
    const strake = async (...args: string[]) => {
      const command = [...program, "registry", ...args, ...place];
      const child = Bun.spawn(command, { stdout: "pipe", stderr: "pipe", env: { ...process.env, ...env } });
      const [out, err] = await Promise.all([
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
      ]);
      return { code: await child.exited, out, err };
    };
    const start = () => startServe([...place, "--listen", "127.0.0.1:0", "--quiet"], folder, env);
    const [one, two] = await Promise.all([start(), start()]);
    try {
      const { body, digest } = await pushImage(one.url, "team/app:v1");
      expect(await (await fetch(`${two.url}v2/team/app/manifests/v1`)).text()).toBe(body);
      await fetch(`${two.url}v2/team/app/manifests/${digest}`, { method: "DELETE" });
      expect((await fetch(`${one.url}v2/team/app/manifests/v1`)).status).toBe(404);
      expect((await strake("trash", "list")).out).toContain(digest);
      expect((await strake("trash", "restore", "team/app", digest)).out).toContain("team/app:v1");
      expect(await (await fetch(`${one.url}v2/team/app/manifests/v1`)).text()).toBe(body);
      expect((await strake("scrub")).out).toContain("2 blobs read");
      expect((await strake("gc")).out).toContain("0 blobs deleted");
      const wrong = await strake("gc", "--s3-region", "eu!");
      expect([wrong.code, wrong.err]).toEqual([1, expect.stringContaining("storage.region")]);
    } finally {
      for (const { child } of [one, two]) child.kill("SIGTERM");
      expect(await Promise.all([one, two].map(({ child }) => child.exited))).toEqual([0, 0]);
    }
  },
  120_000,
);
