import { hostname, release } from "node:os";
import { probeTools } from "../container/index.ts";
import { selectSnapshotter } from "../layer/index.ts";
import { formatPlatform, hostPlatform } from "../oci/index.ts";
import type { Engine } from "./engine.ts";

export interface EngineInfo {
  readonly root: string;
  readonly runRoot: string;
  readonly snapshotter: string;
  readonly runtime?: string;
  readonly monitor?: string;
  readonly cgroup: string;
  readonly bridge: boolean;
  readonly kernel: string;
  readonly platform: string;
  readonly host: string;
  readonly images: number;
  readonly layers: number;
  readonly containers: { readonly total: number; readonly running: number };
}

export async function engineInfo(engine: Engine): Promise<EngineInfo> {
  const tools = probeTools();
  const path = (name: string) => tools.probes.find((probe) => probe.name === name)?.path;
  const containers = (await engine.containers()).list();
  const runtime = path("crun") ?? path("runc");
  const monitor = path("conmon");
  return {
    root: engine.store.root,
    runRoot: engine.store.runRoot,
    snapshotter: selectSnapshotter({ root: engine.store.root }).name,
    ...(runtime ? { runtime } : {}),
    ...(monitor ? { monitor } : {}),
    cgroup: tools.cgroup,
    bridge: tools.bridgeObstacle === undefined,
    kernel: release(),
    platform: formatPlatform(hostPlatform()),
    host: hostname(),
    images: engine.store.images.list().length,
    layers: engine.store.layers.list().length,
    containers: {
      total: containers.length,
      running: containers.filter(({ state }) => state.status === "running").length,
    },
  };
}
