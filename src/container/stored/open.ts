import type { Snapshotter } from "../../layer/index.ts";
import type { Store } from "../../store/index.ts";
import { Containers } from "../containers.ts";
import type { VolumeState } from "../mount/volumes.ts";
import { resolveAccount } from "./accounts.ts";
import { StoredRecords } from "./records.ts";
import { storedRootfs } from "./rootfs.ts";

export interface OpenContainersOptions {
  /** Followed by an id: the command that runs `containers.cleanup(id)`, for monitors. */
  readonly cleanupCommand: readonly string[];
  /** Default: what `selectSnapshotter` chooses, when first needed. */
  readonly snapshotter?: Snapshotter;
  readonly warn?: (message: string) => void;
}

/** The containers of a store. Opens nothing yet; costs nothing. */
export function openContainers(store: Store, options: OpenContainersOptions): Containers {
  return new Containers({
    root: store.root,
    runRoot: store.runRoot,
    records: new StoredRecords(store.containers),
    volumes: store.volumes.as<VolumeState>(),
    rootfs: storedRootfs(store, options.snapshotter),
    resolveUser: resolveAccount,
    cleanupCommand: options.cleanupCommand,
    ...(options.warn ? { warn: options.warn } : {}),
  });
}
