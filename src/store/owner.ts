import { readlinkSync } from "node:fs";
import { bootId, isProcessAlive, processStartTime } from "../sys/index.ts";

/**
 * The name of a process that no other process ever has: boot, pid namespace, pid and start time. Leases and temporary
 * files carry it, so that what a killed process left behind can be told from what is still being written. Safe in file names.
 */
export type Owner = string;

let self: Owner | undefined;

/** This process. */
export function currentOwner(): Owner {
  self ??= [boot(), pidNamespace(), process.pid, processStartTime(process.pid) ?? 0].join(".");
  return self;
}

/** A process in another pid namespace cannot be asked; after this many milliseconds it is taken for dead. */
const foreignLifetime = 24 * 3600 * 1000;

/** Whether the process is certainly gone. `age` is how long ago its trace was last touched, in milliseconds. */
export function isOwnerDead(owner: Owner, age: number): boolean {
  if (owner === self) return false;
  const [ownerBoot, namespace, pid, start] = owner.split(".");
  if (ownerBoot !== boot()) return true;
  if (namespace !== pidNamespace()) return age > foreignLifetime;
  if (process.platform === "linux") return !isProcessAlive(Number(pid), Number(start));
  return !answersSignal(Number(pid));
}

function boot(): string {
  return bootId().slice(0, 8) || "0";
}

let namespaceRead: string | undefined;

function pidNamespace(): string {
  if (namespaceRead === undefined) {
    try {
      namespaceRead = readlinkSync("/proc/self/ns/pid").replace(/[^0-9]/g, "");
    } catch {
      namespaceRead = "0";
    }
  }
  return namespaceRead;
}

/** For systems without /proc. */
function answersSignal(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === "EPERM";
  }
}
