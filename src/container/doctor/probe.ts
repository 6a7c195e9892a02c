import { BridgeNetwork } from "../network/bridge.ts";
import { hostCgroups } from "../runtime/host-cgroups.ts";
import { findProgram } from "../runtime/runtime.ts";

/** A program or property of the host that containers need, and whether it is there. */
export interface ToolProbe {
  readonly name: string;
  /** What it is for. */
  readonly purpose: string;
  /** Path of the program; undefined when missing. */
  readonly path?: string;
  readonly ok: boolean;
  /** Containers do not run without it; otherwise something less does. */
  readonly required: boolean;
  /** Debian package. */
  readonly package: string;
}

export interface ToolReport {
  readonly probes: readonly ToolProbe[];
  /** The one command that installs all that is missing; undefined when nothing is. */
  readonly fix?: string;
  readonly cgroup: string;
  /** Why containers cannot have a network of their own; undefined when they can. */
  readonly bridgeObstacle?: string;
}

const tools: readonly Omit<ToolProbe, "ok" | "path">[] = [
  { name: "crun", purpose: "runs containers (9 ms each)", required: false, package: "crun" },
  { name: "runc", purpose: "runs containers where crun is missing", required: false, package: "runc" },
  { name: "conmon", purpose: "watches containers, keeps their logs", required: true, package: "conmon" },
  { name: "ip", purpose: "network of containers", required: false, package: "iproute2" },
  { name: "nft", purpose: "published ports, way out of containers", required: false, package: "nftables" },
  { name: "nsenter", purpose: "network of containers", required: false, package: "util-linux" },
  { name: "unshare", purpose: "network of build steps", required: false, package: "util-linux" },
];

/** What of the host's programs is missing for running containers, with the command that mends it. */
export function probeTools(find: (name: string) => string | undefined = findProgram): ToolReport {
  const found = new Map(tools.map((tool) => [tool.name, find(tool.name)]));
  const hasRuntime = found.get("crun") !== undefined || found.get("runc") !== undefined;
  const probes = tools.map((tool): ToolProbe => {
    const path = found.get(tool.name);
    // One runtime is needed; crun is the one to install when there is none, runc alone will do.
    const ok = path !== undefined || (tool.name === "runc" && hasRuntime);
    const required = tool.required || (tool.name === "crun" && !hasRuntime);
    return { ...tool, required, ok, ...(path ? { path } : {}) };
  });
  const packages = [...new Set(probes.filter((probe) => !probe.ok).map((probe) => probe.package))];
  const bridgeObstacle = BridgeNetwork.obstacle();
  return {
    probes,
    cgroup: hostCgroups().mode,
    ...(packages.length > 0 ? { fix: `apt-get install -y ${packages.join(" ")}` } : {}),
    ...(bridgeObstacle ? { bridgeObstacle } : {}),
  };
}
