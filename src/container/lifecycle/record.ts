import type { ContainerConfig } from "../../oci/index.ts";
import type { Endpoint } from "../network/bridge.ts";
import type { HostEntry } from "../network/hosts.ts";
import type { PortMapping } from "../network/ports.ts";
import type { BindPropagation } from "../spec/mounts.ts";
import type { ProcessUser } from "../spec/types.ts";
import type { ProcessIdentity } from "./process-identity.ts";
import type { ContainerState } from "./state.ts";

export type NetworkMode = "bridge" | "host" | "none";

/** A mount of a container, settled: sources are absolute paths of the host or names of volumes. */
export type ContainerMount =
  | {
      readonly type: "bind";
      readonly source: string;
      readonly destination: string;
      readonly readonly: boolean;
      readonly propagation: BindPropagation;
      readonly createSource: boolean;
    }
  | {
      readonly type: "volume";
      readonly name: string;
      readonly destination: string;
      readonly readonly: boolean;
      /** Made for this container and removed with it (`rm -v`, `--rm`). */
      readonly anonymous: boolean;
      readonly noCopy: boolean;
    }
  | { readonly type: "tmpfs"; readonly destination: string; readonly options: readonly string[] };

/** All that is kept of a container: a plain value, stored as JSON. */
export interface ContainerRecord {
  /** 64 hex digits. */
  readonly id: string;
  readonly name: string;
  readonly createdAt: number;
  readonly image: {
    readonly id: string;
    readonly reference: string;
    /** Diff IDs, the base first: the container stands on these even when the image is removed. */
    readonly layers: readonly string[];
  };
  /** What made its root file system; another cannot read it. */
  readonly snapshotter: string;
  readonly state: ContainerState;

  /** The whole command: entrypoint and arguments. */
  readonly args: readonly string[];
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly env: readonly string[];
  readonly workingDir: string;
  /** As written: `name`, `uid`, `user:group`; "" is root. Resolved against the container's own files at every start. */
  readonly user: string;
  readonly hostname: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly terminal: boolean;
  readonly openStdin: boolean;
  readonly stopSignal: string;
  /** Seconds `stop` waits before it kills. */
  readonly stopTimeout: number;
  readonly autoRemove: boolean;
  /** The process that made it to start it at once: if that is killed before, nobody ever will. */
  readonly maker?: ProcessIdentity;
  /** The process that stopped it to start it again: as long as it lives, `autoRemove` waits. */
  readonly restarter?: ProcessIdentity;
  readonly readonlyRootfs: boolean;
  readonly privileged: boolean;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly noNewPrivileges: boolean;
  readonly seccomp: boolean;
  readonly shmSize?: number;
  readonly logSizeMax: number;

  readonly mounts: readonly ContainerMount[];
  readonly network: NetworkMode;
  readonly ports: readonly PortMapping[];
  readonly exposedPorts: readonly string[];
  readonly extraHosts: readonly HostEntry[];
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
  /** While it runs on the bridge. */
  readonly endpoint?: Endpoint;
}

/** What of an image a container is made from. */
export interface ContainerImage {
  readonly id: string;
  readonly reference: string;
  readonly layers: readonly string[];
  readonly config: ContainerConfig;
}

/**
 * Where records are kept. Every call is one transaction; names are unique; `find` takes a name, an id or the unambiguous
 * beginning of one.
 */
export interface ContainerRecords {
  /** Errors: CONTAINER_NAME_TAKEN. */
  insert(record: ContainerRecord): void;
  /** Errors: CONTAINER_NOT_FOUND also for an ambiguous prefix. */
  find(reference: string): ContainerRecord;
  get(id: string): ContainerRecord | undefined;
  list(): ContainerRecord[];
  /** Reads, changes and writes in one transaction. Undefined when there is no such record any more. */
  update(id: string, change: (record: ContainerRecord) => ContainerRecord): ContainerRecord | undefined;
  /** Errors: CONTAINER_NAME_TAKEN. */
  rename(id: string, name: string): void;
  remove(id: string): void;
}

/** The writable layer of a container, and the layers it is over. */
export interface RootfsRequest {
  readonly snapshotter: string;
  readonly layers: readonly string[];
  /** The container's folder; the provider uses `layer` in it. */
  readonly data: string;
  /** Existing directory where the root file system is to appear. */
  readonly target: string;
}

/** Gives containers their root file systems. */
export interface RootfsProvider {
  /** For containers made now. */
  readonly snapshotter: string;
  /**
   * Puts the root file system in place and gives its path, usually `target`. Called after `enterContainerNamespace()`: the
   * mount is seen by this process's main thread and its children. `volatile`: what is written dies with the container, so nothing of it is
   * ever synced; it cannot be mounted again.
   */
  mount(request: RootfsRequest & { readonly volatile?: boolean }): Promise<string>;
  /** Takes away what `mount` put in place, also when another process did. Idempotent. */
  unmount(request: RootfsRequest): void;
  /** Bytes of the files in the writable layer. */
  written(request: Omit<RootfsRequest, "target">): Promise<number>;
  /** Removes the writable layer. Idempotent. */
  discard(request: Omit<RootfsRequest, "target">): void;
}

/**
 * Resolves the user of a process by the passwd and group files of its container. `readFile` gives undefined for what is
 * missing and never leaves the container.
 */
export type ResolveUser = (
  user: string,
  readFile: (path: string) => Uint8Array | undefined,
) => { readonly user: ProcessUser; readonly home: string };
