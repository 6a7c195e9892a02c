import {
  canOpenFileSystem,
  hasCapSysAdmin,
  inUserNamespace,
  type KernelVersion,
  kernelVersion,
  statfs,
  supportedFileSystems,
} from "../../sys/index.ts";

/** What the choice rests on. */
export interface Host {
  readonly linux: boolean;
  readonly kernel: KernelVersion;
  /** CAP_SYS_ADMIN in the user namespace this process is in. */
  readonly mayMount: boolean;
  readonly userNamespace: boolean;
  readonly hasFileSystem: (name: string) => boolean;
  /** Type of the file system that holds the store. */
  readonly storeType: string;
}

/** This machine, for a store at `root`. */
export function hostOf(root: string): Host {
  const linux = process.platform === "linux";
  const known = supportedFileSystems();
  return {
    linux,
    kernel: kernelVersion(),
    mayMount: linux && hasCapSysAdmin(),
    userNamespace: linux && inUserNamespace(),
    hasFileSystem: (name) => known.has(name) || canOpenFileSystem(name),
    storeType: linux ? statfs(root).type : "unknown",
  };
}
