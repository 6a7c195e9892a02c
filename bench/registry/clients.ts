import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { timed } from "../measure.ts";
import { dockerClient as client, Dockerd, dockerObstacle } from "../peers/dockerd.ts";
import { missing, notBuilt } from "../peers/peer.ts";

/** The name of the image in the archive that all clients load. */
export const localTag = "bench.local/image:1";

/** Who pulls and pushes. */
export interface Client {
  readonly name: string;
  /** It has no memory and no processor time of its own to measure. */
  readonly hasDaemon: boolean;
  readonly env: Readonly<Record<string, string>>;
  /** Why it cannot take part on this machine, or undefined when it can. */
  unavailable(): string | undefined;
  setup(): Promise<void>;
  load(archive: string): void;
  /** The image as it came from the archive; under a name of a registry. */
  push(target: string): readonly string[];
  pull(target: string): readonly string[];
  /** Forgets every image, so that the next pull fetches everything. */
  forget(target: string): void;
  teardown(): Promise<void>;
}

export function strakeClient(workspace: string, executable: string): Client {
  const home = join(workspace, "strake");
  const env = { STRAKE_ROOT: join(home, "root"), STRAKE_RUNROOT: join(home, "run") };
  // A remembered compressed layer would be no work, so all of the store goes.
  const forget = () => rmSync(home, { recursive: true, force: true });
  return {
    ...{ name: "strake", hasDaemon: false, env, forget },
    unavailable: () => notBuilt(executable),
    async setup() {},
    load(archive) {
      forget();
      timed([executable, "load", "-i", archive], { env });
    },
    push: (target) => [executable, "push", "-q", localTag, target],
    pull: (target) => [executable, "pull", "-q", target],
    async teardown() {},
  };
}

export function dockerClient(workspace: string): Client {
  const home = join(workspace, "docker");
  const daemon = new Dockerd(home);
  const { env } = daemon;
  return {
    ...{ name: "docker", hasDaemon: true, env },
    unavailable: dockerObstacle,
    setup: () => daemon.start(join(home, "exec"), ["--iptables=false"]),
    load(archive) {
      timed([client, "load", "-i", archive], { env });
    },
    push(target) {
      timed([client, "tag", localTag, target], { env });
      return [client, "push", "-q", target];
    },
    pull: (target) => [client, "pull", "-q", target],
    forget: (target) => {
      timed([client, "rmi", "-f", target, localTag], { env });
    },
    teardown: () => daemon.stop(),
  };
}

export function podmanClient(workspace: string): Client {
  const home = join(workspace, "podman");
  const places = ["--root", join(home, "root"), "--runroot", join(home, "run")];
  const base = ["podman", ...places, "--storage-driver", "overlay"];
  return {
    ...{ name: "podman", hasDaemon: false, env: {} },
    unavailable: () => missing("podman"),
    async setup() {
      mkdirSync(home, { recursive: true });
    },
    load(archive) {
      timed([...base, "load", "-i", archive]);
    },
    push: (target) => [...base, "push", "-q", "--tls-verify=false", localTag, target],
    pull: (target) => [...base, "pull", "-q", "--tls-verify=false", target],
    forget: () => {
      timed([...base, "rmi", "-fa"]);
    },
    async teardown() {
      // containers/storage leaves its folder mounted on itself.
      Bun.spawnSync(["umount", join(home, "root", "overlay")], { stderr: "ignore" });
    },
  };
}
