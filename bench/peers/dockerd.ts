import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { missing } from "./peer.ts";

/** Debian's client: it carries BuildKit's client itself, where newer ones want the buildx plugin. */
export const dockerClient = existsSync("/usr/bin/docker") ? "/usr/bin/docker" : "docker";

/** Why docker cannot take part on this machine, or undefined when it can. */
export const dockerObstacle = () => missing("dockerd", "containerd", "docker");

/** A dockerd on a socket and with data of its own, with all it has in `home` but what runs. */
export class Dockerd {
  readonly #home: string;
  #daemon: Bun.Subprocess | undefined;
  /** Leads the client to it. */
  readonly env: Readonly<Record<string, string>>;

  constructor(home: string) {
    this.#home = home;
    this.env = { DOCKER_HOST: `unix://${join(home, "docker.sock")}`, DOCKER_CONFIG: join(home, "config") };
  }

  async start(execRoot: string, flags: readonly string[] = []): Promise<void> {
    const home = this.#home;
    const log = join(home, "log");
    mkdirSync(home, { recursive: true });
    this.#daemon = Bun.spawn(
      [
        ...["dockerd", "--data-root", join(home, "data"), "--exec-root", execRoot],
        ...["-H", this.env.DOCKER_HOST!, "--pidfile", join(home, "pid"), ...flags],
      ],
      { stdout: "ignore", stderr: Bun.file(log) },
    );
    for (let i = 0; !existsSync(join(home, "docker.sock")); i++) {
      if (i > 300) throw new Error(`dockerd did not start; see ${log}`);
      await Bun.sleep(100);
    }
  }

  async stop(): Promise<void> {
    this.#daemon?.kill("SIGTERM");
    await this.#daemon?.exited;
  }
}
