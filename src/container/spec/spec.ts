import { type CapabilityChoice, capabilitySets, grantable, resolveCapabilities } from "./capabilities.ts";
import { defaultDeviceRules, privilegedDeviceRules } from "./devices.ts";
import { orderMounts, systemMounts } from "./mounts.ts";
import { maskedPaths, readonlyPaths, thermalPaths } from "./paths.ts";
import { defaultSeccomp } from "./seccomp.ts";
import type { Device, Mount, Namespace, ProcessUser, RuntimeSpec } from "./types.ts";

/** What the host is like, as far as a spec depends on it. */
export interface HostFacts {
  /** GOARCH. */
  readonly architecture: string;
  readonly cpus: number;
  readonly cgroup: "v1" | "v2" | "hybrid" | "none";
  /** CapBnd of this process. */
  readonly boundingMask: bigint;
}

export type NetworkNamespace =
  | { readonly kind: "host" }
  | { readonly kind: "new" }
  | { readonly kind: "path"; readonly path: string };

export interface SpecOptions {
  readonly rootfs: string;
  readonly readonlyRootfs?: boolean;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: ProcessUser;
  readonly terminal?: boolean;
  readonly consoleSize?: { readonly height: number; readonly width: number };
  readonly hostname?: string;
  readonly network: NetworkNamespace;
  readonly capabilities?: CapabilityChoice;
  readonly noNewPrivileges?: boolean;
  /** `false` lets every system call through. */
  readonly seccomp?: boolean;
  readonly shmSize?: number;
  /** Beside those that every container has. */
  readonly devices?: readonly Device[];
  /** After the system's: binds, volumes, tmpfs. */
  readonly mounts?: readonly Mount[];
  readonly cgroupsPath?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/**
 * The OCI runtime configuration of a container. Pure. No rlimits are asked for: the container inherits the host's, and
 * a spec that wants more than the host grants fails wherever CAP_SYS_RESOURCE is missing.
 */
export function runtimeSpec(options: SpecOptions, host: HostFacts): RuntimeSpec {
  const privileged = options.capabilities?.privileged === true;
  const capabilities = grantable(resolveCapabilities(options.capabilities), host.boundingMask);
  const seccomp =
    options.seccomp === false || privileged ? undefined : defaultSeccomp(host.architecture, capabilities);
  const namespaces: Namespace[] = [{ type: "pid" }, { type: "ipc" }, { type: "uts" }, { type: "mount" }];
  if (options.network.kind === "new") namespaces.push({ type: "network" });
  if (options.network.kind === "path") namespaces.push({ type: "network", path: options.network.path });
  // On v1 a cgroup namespace would make runtimes rewrite every controller's mount; Docker keeps the host's there too.
  if (host.cgroup === "v2" && !privileged) namespaces.push({ type: "cgroup" });
  const mounts = orderMounts([
    ...systemMounts({
      ...(options.shmSize === undefined ? {} : { shmSize: options.shmSize }),
      privileged,
      cgroup: host.cgroup !== "none",
    }),
    ...(options.mounts ?? []),
  ]);
  return {
    ociVersion: "1.0.2",
    process: {
      terminal: options.terminal === true,
      ...(options.consoleSize ? { consoleSize: options.consoleSize } : {}),
      user: options.user,
      args: options.args,
      env: options.env,
      cwd: options.cwd,
      capabilities: capabilitySets(capabilities, options.user.uid),
      noNewPrivileges: options.noNewPrivileges === true,
    },
    root: { path: options.rootfs, readonly: options.readonlyRootfs === true },
    ...(options.hostname === undefined ? {} : { hostname: options.hostname }),
    mounts,
    ...(options.annotations ? { annotations: options.annotations } : {}),
    linux: {
      namespaces,
      ...(options.devices?.length ? { devices: options.devices } : {}),
      resources: { devices: privileged ? privilegedDeviceRules : defaultDeviceRules },
      ...(options.cgroupsPath ? { cgroupsPath: options.cgroupsPath } : {}),
      maskedPaths: privileged ? [] : [...maskedPaths, ...thermalPaths(host.cpus)],
      readonlyPaths: privileged ? [] : readonlyPaths,
      ...(seccomp ? { seccomp } : {}),
    },
  };
}
