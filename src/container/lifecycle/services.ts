import type { Volumes } from "../mount/volumes.ts";
import type { BridgeNetwork } from "../network/bridge.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { EarlyLaunches } from "./launch.ts";
import type { ContainerRecords, ResolveUser, RootfsProvider } from "./record.ts";

/** What operations on containers work with. Made once by `Containers`. */
export interface ContainerServices {
  readonly root: string;
  readonly runRoot: string;
  readonly records: ContainerRecords;
  readonly rootfs: RootfsProvider;
  readonly resolveUser: ResolveUser;
  readonly volumes: Volumes;
  readonly network: BridgeNetwork;
  readonly runtime: () => Runtime;
  readonly launches: EarlyLaunches;
  /** The command that, followed by an id, runs `cleanup`; conmon calls it when a container is over. */
  readonly cleanupCommand: readonly string[];
  readonly warn: (message: string) => void;
}
