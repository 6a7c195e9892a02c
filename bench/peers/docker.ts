import { join } from "node:path";
import { timed } from "../measure.ts";
import { dockerClient as client, Dockerd, dockerObstacle } from "./dockerd.ts";
import type { Peer } from "./peer.ts";

/** dockerd with BuildKit, on a socket and a data root of its own. */
export function docker(): Peer {
  let daemon: Dockerd | undefined;
  let env: Record<string, string> = {};
  return {
    name: "docker",
    unavailable: dockerObstacle,
    async setup({ workspace, runSpace, baseArchive }) {
      daemon = new Dockerd(join(workspace, "docker"));
      env = { ...daemon.env, DOCKER_BUILDKIT: "1" };
      await daemon.start(join(runSpace, "docker"));
      timed([client, "load", "-i", baseArchive], { env });
    },
    build: (context, tag) => [client, "build", "-q", "-t", tag, context],
    run: (image, network, args) => [client, "run", "--rm", "--network", network, image, ...args],
    version: () => [client, "version"],
    env: () => env,
    teardown: async () => await daemon?.stop(),
  };
}
