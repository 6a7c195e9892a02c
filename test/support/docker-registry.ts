import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./free-port.ts";

/** Why Debian's docker-registry cannot take part, or undefined. */
export function dockerRegistryObstacle(): string | undefined {
  return Bun.which("docker-registry") === null ? "docker-registry is not installed" : undefined;
}

/** Debian's docker-registry (distribution 2.8) on a free port of loopback, with a folder of its own or the storage driver that is given. */
export async function startDockerRegistry(driver?: object): Promise<{
  host: string;
  pid: number;
  stop: () => Promise<void>;
}> {
  const folder = mkdtempSync(join(tmpdir(), "strake-docker-registry-"));
  const host = `127.0.0.1:${freePort()}`;
  const files = { filesystem: { rootdirectory: join(folder, "data") } };
  const storage = { ...(driver ?? files), delete: { enabled: true } };
  const config = {
    version: 0.1,
    storage,
    http: { addr: host },
    log: { level: "error", accesslog: { disabled: true } },
  };
  // JSON is YAML.
  writeFileSync(join(folder, "config.yml"), JSON.stringify(config));
  const child = Bun.spawn(["docker-registry", "serve", join(folder, "config.yml")], {
    stdout: "ignore",
    stderr: "ignore",
    // Its S3 driver cannot take one and ends.
    env: { ...process.env, AWS_CA_BUNDLE: undefined },
  });
  const stop = async () => {
    child.kill();
    await child.exited;
    rmSync(folder, { recursive: true, force: true });
  };
  for (let i = 0; ; i++) {
    const ok = await fetch(`http://${host}/v2/`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (ok) return { host, pid: child.pid, stop };
    if (i > 1200 || child.exitCode !== null) {
      await stop();
      throw new Error("docker-registry did not start");
    }
    await Bun.sleep(25);
  }
}
