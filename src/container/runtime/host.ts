import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import {
  bindMount,
  enterPrivateMountNamespace,
  errnoOf,
  ownMask,
  umount,
  umountFlags,
} from "../../sys/index.ts";
import type { HostFacts } from "../spec/spec.ts";
import { treesToHide } from "./cgroup.ts";
import { hostCgroups } from "./host-cgroups.ts";
import { missingRight, needsRights } from "./rights.ts";

let entered = false;
const sealed = new Set<string>();

/** What specs need to know about this machine. */
export function hostFacts(): HostFacts {
  return {
    architecture: goArchitecture(process.arch),
    cpus: availableParallelism(),
    cgroup: hostCgroups().mode,
    boundingMask: ownMask("CapBnd"),
  };
}

/**
 * Moves this process, once and for good, into the mount namespace containers are started from. Call it before the
 * first mount of a root file system: mounts then live exactly as long as the process that made them and the
 * containers that use them, so a kill -9 leaves none behind. In it, v2 control groups that crun cannot stand are hidden.
 * Only the main thread moves: what lies below a mount made here must be read with the synchronous calls of node:fs,
 * because the asynchronous ones run on threads that still see the host.
 */
export function enterContainerNamespace(): void {
  // Not whether the process is in a namespace of its own: somebody else may have moved it there without hiding anything.
  if (entered) return;
  const hide = treesToHide(hostCgroups(), controllersOf);
  try {
    enterPrivateMountNamespace();
  } catch (error) {
    const missing = errnoOf(error) === "EPERM" ? (missingRight() ?? "this root may not unshare") : undefined;
    throw missing === undefined ? error : needsRights(missing, { cause: error });
  }
  entered = true;
  for (const point of hide) umount(point, umountFlags.detach);
}

/**
 * Mounts a runtime's program read-only over itself, in our namespace only. A process of a container could otherwise write to it through /proc/PID/exe
 * (CVE-2019-5736), so crun starts itself a second time from such a mount, unless it finds that it lies on one: 3 ms.
 */
export function sealRuntime(path: string): void {
  if (sealed.has(path)) return;
  sealed.add(path);
  try {
    bindMount(path, path, { readonly: true });
  } catch {
    // It then protects itself.
  }
}

/** Names of the v2 controllers of a tree; none when it cannot be read. */
function controllersOf(mountPoint: string): string {
  try {
    return readFileSync(`${mountPoint}/cgroup.controllers`, "utf8");
  } catch {
    return "";
  }
}

/** Node's name of a processor as Go's, which every OCI document uses. */
export function goArchitecture(nodeName: string): string {
  return { x64: "amd64", ia32: "386" }[nodeName] ?? nodeName;
}
