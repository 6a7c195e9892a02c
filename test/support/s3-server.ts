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
  /** Ends it and starts it at the same place with other keys: the old ones are unknown from then on. */
  restart(keys: S3Keys): Promise<void>;
}

export interface S3Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** A real S3 server on a free port, with buckets in a temporary folder. */
export async function startS3Server(path: string): Promise<S3Server> {
  const root = mkdtempSync(join(tmpdir(), "strake-s3-"));
  const port = freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const start = async ({ accessKeyId, secretAccessKey }: S3Keys) => {
    const keys = ["--access", accessKeyId, "--secret", secretAccessKey];
    const command = [path, "--port", `127.0.0.1:${port}`, ...keys, "--quiet", "posix", root];
    const started = Bun.spawn(command, { stdout: "ignore", stderr: "ignore" });
    for (let i = 0; ; i++) {
      try {
        await fetch(endpoint);
        return started;
      } catch (error) {
        if (i > 1200 || started.exitCode !== null) throw error;
        await Bun.sleep(25);
      }
    }
  };
  let child = await start(s3Credentials);
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
    restart: async (keys) => {
      child.kill("SIGKILL");
      await child.exited;
      child = await start(keys);
    },
    [Symbol.asyncDispose]: async () => {
      // Asked politely it would wait for whoever still has a connection open, which a failed test may.
      child.kill("SIGKILL");
      await child.exited;
      rmSync(root, { recursive: true, force: true });
    },
  };
}
