import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { freePort } from "./free-port.ts";

export const s3Credentials = { accessKeyId: "strake", secretAccessKey: "strake-test-secret" } as const;

/** Path of versitygw, or why there is none. */
export function findS3Server(): { path: string } | { reason: string } {
  const script = resolve(import.meta.dir, "..", "..", "scripts", "fetch-s3-server");
  const found = Bun.spawnSync([script], { stdout: "pipe", stderr: "pipe" });
  if (found.exitCode === 0) return { path: found.stdout.toString().trim() };
  return { reason: found.stderr.toString().trim().split("\n").at(-1) ?? "it cannot be had" };
}

export interface S3Server extends AsyncDisposable {
  readonly endpoint: string;
  /** Makes an empty bucket. */
  bucket(): string;
  /** Where a bucket's objects are as files. */
  folder(bucket: string): string;
}

/** A real S3 server on a free port, with buckets in a temporary folder. */
export async function startS3Server(path: string): Promise<S3Server> {
  const root = mkdtempSync(join(tmpdir(), "strake-s3-"));
  const port = freePort();
  const args = ["--port", `127.0.0.1:${port}`, "--access", s3Credentials.accessKeyId];
  const child = Bun.spawn(
    [path, ...args, "--secret", s3Credentials.secretAccessKey, "--quiet", "posix", root],
    {
      stdout: "ignore",
      stderr: "ignore",
    },
  );
  const endpoint = `http://127.0.0.1:${port}`;
  for (let i = 0; ; i++) {
    try {
      await fetch(endpoint);
      break;
    } catch (error) {
      if (i > 1200 || child.exitCode !== null) throw error;
      await Bun.sleep(25);
    }
  }
  let buckets = 0;
  return {
    endpoint,
    bucket: () => {
      const name = `bucket-${++buckets}`;
      // The server's own buckets are folders.
      mkdirSync(join(root, name));
      return name;
    },
    folder: (bucket) => join(root, bucket),
    [Symbol.asyncDispose]: async () => {
      // Asked politely it would wait for whoever still has a connection open, which a failed test may.
      child.kill("SIGKILL");
      await child.exited;
      rmSync(root, { recursive: true, force: true });
    },
  };
}
