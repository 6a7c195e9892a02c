import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { timed } from "../measure.ts";
import { missing, type Peer } from "./peer.ts";

/** podman and buildah share a store and its flags; buildah only builds. */
function containersStorage(name: "podman" | "buildah"): Peer {
  let flags: string[] = [];
  let home = "";
  // crun refuses hybrid cgroups (a v2 tree beside v1 controllers); runc takes every layout.
  const runtime = existsSync("/usr/sbin/runc") ? ["--runtime", "/usr/sbin/runc"] : [];
  const builds = name === "podman" ? ["podman", "build"] : ["buildah", "bud"];
  return {
    name,
    unavailable: () => missing(name),
    async setup({ workspace, runSpace, baseArchive, baseTag }) {
      home = join(workspace, name);
      mkdirSync(home, { recursive: true });
      flags = [
        "--root",
        join(home, "root"),
        "--runroot",
        join(runSpace, name),
        "--storage-driver",
        "overlay",
      ];
      if (name === "podman") {
        flags.push("--cgroup-manager", "cgroupfs", ...runtime);
        timed(["podman", ...flags, "load", "-i", baseArchive]);
      } else {
        timed(["buildah", ...flags, "pull", `docker-archive:${baseArchive}:${baseTag}`]);
      }
    },
    build: (context, tag) => [
      ...[builds[0]!, ...flags, builds[1]!, "--layers", "-q", "-t", tag],
      ...(name === "buildah" ? runtime : []),
      ...["--format", "docker", context],
    ],
    run: (image, network, args) => [
      ...["podman", ...flags, "run", "--rm", ...limits, "--network", network, image, ...args],
    ],
    version: () => [name, "version"],
    env: () => ({}),
    async teardown() {
      // What was being measured when somebody ended the benchmark.
      if (flags.length > 0 && name === "podman") Bun.spawnSync(["podman", ...flags, "rm", "-fa", "-t", "0"]);
      // containers/storage leaves its folder mounted on itself.
      if (home !== "") Bun.spawnSync(["umount", join(home, "root", "overlay")], { stderr: "ignore" });
    },
  };
}

/** Its own are more than a machine without CAP_SYS_RESOURCE may give. */
const limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"];

export const podman = (): Peer => containersStorage("podman");
export const buildah = (): Peer => containersStorage("buildah");
