import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Outcome, RunOptions } from "../strake.ts";

/** Debian's client carries BuildKit's client itself, where newer ones want the buildx plugin. */
const client = existsSync("/usr/bin/docker") ? "/usr/bin/docker" : "docker";

/** Why docker cannot be asked here; undefined when it can. */
export function dockerObstacle(): string | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "docker's daemon needs root on Linux";
  const absent = ["dockerd", "containerd", client].filter((program) => Bun.which(program) === null);
  return absent.length > 0 ? `${absent.join(", ")} not installed` : undefined;
}

/** A dockerd with a socket, a data root and a bridge of its own. */
export interface Docker {
  readonly home: string;
  readonly version: string;
  /** The words that start its client, which needs `env`. */
  readonly program: readonly string[];
  readonly env: Record<string, string | undefined>;
  run(args: readonly string[], options?: RunOptions): Promise<Outcome>;
  ok(...args: string[]): Promise<string>;
  stop(): Promise<void>;
}

export async function startDocker(): Promise<Docker> {
  const home = mkdtempSync(join(tmpdir(), "strake-docker-"));
  const socket = join(home, "docker.sock");
  mkdirSync(join(home, "config"));
  // `--bridge=none` would take away the docker0 of a dockerd that already runs here.
  const bridge = `dk${process.pid}`;
  const subnet = `10.254.${process.pid % 256}.1/24`;
  const ip = (...args: string[]) => Bun.spawnSync(["ip", ...args], { stderr: "ignore" });
  ip("link", "add", bridge, "type", "bridge");
  ip("addr", "add", subnet, "dev", bridge);
  const daemon = Bun.spawn(
    [
      ...["dockerd", "--data-root", join(home, "data"), "--exec-root", join(home, "exec")],
      ...["-H", `unix://${socket}`, "--pidfile", join(home, "pid"), "-b", bridge, "--iptables=false"],
    ],
    { stdin: "ignore", stdout: "ignore", stderr: Bun.file(join(home, "log")) },
  );
  const env = {
    ...process.env,
    DOCKER_HOST: `unix://${socket}`,
    DOCKER_BUILDKIT: "1",
    DOCKER_CONFIG: join(home, "config"),
  };
  const run = async (args: readonly string[], options: RunOptions = {}): Promise<Outcome> => {
    const child = Bun.spawn([client, ...args], {
      stdin: options.stdin ?? "ignore",
      stdout: "pipe",
      stderr: "pipe",
      cwd: options.cwd ?? home,
      env: { ...env, ...options.env },
    });
    const [code, stdout, stderr] = await Promise.all([
      child.exited,
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    return { code, stdout, stderr };
  };
  const stop = async () => {
    daemon.kill("SIGTERM");
    await daemon.exited;
    // dockerd leaves the mounts of its network namespaces and of a runtime folder when it goes in a hurry.
    for (const line of readFileSync("/proc/self/mounts", "utf8").split("\n").reverse()) {
      const target = line.split(" ")[1];
      if (target?.startsWith(`${home}/`)) Bun.spawnSync(["umount", target], { stderr: "ignore" });
    }
    ip("link", "delete", bridge);
    rmSync(home, { recursive: true, force: true });
  };
  for (let i = 0; (await run(["version"])).code !== 0; i++) {
    if (i > 300 || daemon.exitCode !== null) {
      const log = readFileSync(join(home, "log"), "utf8");
      await stop();
      throw new Error(`dockerd did not start: ${log.slice(-2000)}`);
    }
    await Bun.sleep(200);
  }
  return {
    home,
    program: [client],
    env,
    version: (await run(["version", "--format", "{{.Server.Version}}"])).stdout.trim(),
    run,
    async ok(...args) {
      const { code, stdout, stderr } = await run(args);
      if (code !== 0) throw new Error(`docker ${args.join(" ")} ended with ${code}\n${stderr}\n${stdout}`);
      return stdout;
    },
    stop,
  };
}
