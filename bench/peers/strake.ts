import { join } from "node:path";
import { timed } from "../measure.ts";
import { notBuilt, type Peer } from "./peer.ts";

export function strake(executable: string): Peer {
  let env: Record<string, string> = {};
  return {
    name: "strake",
    unavailable: () => notBuilt(executable),
    async setup({ workspace, runSpace, baseArchive, baseTag }) {
      env = { STRAKE_ROOT: join(workspace, "strake"), STRAKE_RUNROOT: join(runSpace, "strake") };
      timed([executable, "load", "-i", baseArchive], { env });
      // The bridge of the default run root stays, as Docker's does; that of another one goes with its last container.
      timed([executable, "run", "-d", "--name", "keeps-the-bridge", baseTag, "sleep", "3600"], { env });
    },
    build: (context, tag) => [executable, "build", "-q", "-t", tag, context],
    run: (image, network, args) => [executable, "run", "--rm", "--network", network, image, ...args],
    version: () => [executable, "version"],
    env: () => env,
    async teardown() {
      // Never in the user's own store.
      if (env.STRAKE_ROOT === undefined) return;
      const strake = (...args: string[]) =>
        Bun.spawnSync([executable, ...args], { env: { ...process.env, ...env } });
      // Those too that were being measured when somebody ended the benchmark.
      const containers = strake("ps", "-aq").stdout.toString().trim().split("\n").filter(Boolean);
      if (containers.length > 0) strake("rm", "-f", ...containers);
    },
  };
}
