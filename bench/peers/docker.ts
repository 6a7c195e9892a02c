import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { timed } from "../measure.ts";
import { missing, type Peer } from "./peer.ts";

/** Debian's client: it carries BuildKit's client itself, where newer ones want the buildx plugin. */
const client = existsSync("/usr/bin/docker") ? "/usr/bin/docker" : "docker";

/** dockerd with BuildKit, on a socket and a data root of its own. */
export function docker(): Peer {
  let daemon: Bun.Subprocess | undefined;
  let env: Record<string, string> = {};
  return {
    name: "docker",
    unavailable: () => missing("dockerd", "containerd", "docker"),
    async setup({ workspace, runSpace, baseArchive }) {
      const home = join(workspace, "docker");
      mkdirSync(home, { recursive: true });
      const socket = join(home, "docker.sock");
      daemon = Bun.spawn(
        [
          ...["dockerd", "--data-root", join(home, "data"), "--exec-root", join(runSpace, "docker")],
          ...["-H", `unix://${socket}`, "--pidfile", join(home, "pid")],
        ],
        { stdout: "ignore", stderr: Bun.file(join(home, "log")) },
      );
      env = { DOCKER_HOST: `unix://${socket}`, DOCKER_BUILDKIT: "1", DOCKER_CONFIG: join(home, "config") };
      for (let i = 0; !existsSync(socket); i++) {
        if (i > 300) throw new Error(`dockerd did not start; see ${join(home, "log")}`);
        await Bun.sleep(100);
      }
      timed([client, "load", "-i", baseArchive], { env });
    },
    build: (context, tag) => [client, "build", "-q", "-t", tag, context],
    run: (image, network, args) => [client, "run", "--rm", "--network", network, image, ...args],
    version: () => [client, "version"],
    env: () => env,
    async teardown() {
      daemon?.kill("SIGTERM");
      await daemon?.exited;
    },
  };
}
