import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { dockerRegistryObstacle, startDockerRegistry } from "../../test/support/docker-registry.ts";
import { findS3Server, s3Credentials, startS3Server } from "../../test/support/s3-server.ts";
import { serveRegistry } from "../../test/support/serve-registry.ts";
import { notBuilt } from "../peers/peer.ts";

/** A registry that serves, with nothing in it. */
export interface Served {
  readonly host: string;
  readonly pid: number;
  stop(): Promise<void>;
}

export interface Server {
  readonly name: string;
  /** Why it cannot take part on this machine, or undefined when it can. */
  unavailable(): string | undefined;
  start(): Promise<Served>;
}

export function strakeServer(workspace: string, executable: string): Server {
  return {
    name: "strake",
    unavailable: () => notBuilt(executable),
    async start() {
      const folder = mkdtempSync(join(workspace, "strake-registry-"));
      const flags = ["--root", folder, "--listen", "127.0.0.1:0"];
      const { host, pid, kill } = await serveRegistry(flags, {}, [executable]);
      return {
        ...{ host, pid },
        async stop() {
          await kill("SIGTERM");
          rmSync(folder, { recursive: true, force: true });
        },
      };
    },
  };
}

/** The same program over a real S3 server on the same machine, which takes its part of the processor. */
export function strakeOverS3(executable: string): Server {
  return {
    name: "strake over S3",
    unavailable() {
      const found = findS3Server();
      return "reason" in found ? found.reason : undefined;
    },
    async start() {
      const found = findS3Server();
      if ("reason" in found) throw new Error(found.reason);
      const s3 = await startS3Server(found.path);
      const flags = ["--storage", `s3://${s3.bucket()}`, "--s3-endpoint", s3.endpoint];
      const env = {
        AWS_ACCESS_KEY_ID: s3Credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: s3Credentials.secretAccessKey,
        AWS_REGION: "us-east-1",
      };
      const served = await serveRegistry([...flags, "--listen", "127.0.0.1:0"], env, [executable]);
      return {
        ...{ host: served.host, pid: served.pid },
        async stop() {
          await served.kill("SIGTERM");
          await s3[Symbol.asyncDispose]();
        },
      };
    },
  };
}

export function dockerRegistry(): Server {
  return {
    ...{ name: "docker-registry", unavailable: dockerRegistryObstacle },
    start: () => startDockerRegistry(),
  };
}

/** Without sending clients to the S3 server, as ours does unless it is told to. */
export function dockerRegistryOverS3(): Server {
  return {
    name: "docker-registry over S3",
    unavailable() {
      const found = findS3Server();
      return dockerRegistryObstacle() ?? ("reason" in found ? found.reason : undefined);
    },
    async start() {
      const found = findS3Server();
      if ("reason" in found) throw new Error(found.reason);
      const s3 = await startS3Server(found.path);
      const { accessKeyId: accesskey, secretAccessKey: secretkey } = s3Credentials;
      const place = { region: "us-east-1", regionendpoint: s3.endpoint, bucket: s3.bucket() };
      const driver = { s3: { ...place, accesskey, secretkey, secure: false }, redirect: { disable: true } };
      const { host, pid, stop } = await startDockerRegistry(driver);
      return {
        ...{ host, pid },
        async stop() {
          await stop();
          await s3[Symbol.asyncDispose]();
        },
      };
    },
  };
}

/** Most memory the process ever had resident, in MiB. */
export function peakMemory(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)![1]) / 1024;
}
