import { readFileSync } from "node:fs";
import { check, libc } from "./libc.ts";
import { mount, mountFlags } from "./mount.ts";

/** Flags of unshare(2) and setns(2). */
export const namespaceFlags = {
  mount: 0x00020000,
  cgroup: 0x02000000,
  uts: 0x04000000,
  ipc: 0x08000000,
  user: 0x10000000,
  pid: 0x20000000,
  network: 0x40000000,
} as const;

/**
 * unshare(2). Bun's threads share their file system state, so a process that left its mount namespace can never go
 * back (setns gives EINVAL).
 */
export function unshare(flags: number): void {
  check(libc().unshare(flags), "unshare", undefined, "namespaces need root (CAP_SYS_ADMIN)");
}

let entered = false;

/**
 * Moves this process, once, into a mount namespace of its own. What is mounted afterwards is seen by this process and
 * the children it starts, and vanishes with the last of them, kill -9 included. Mounts the host makes later still
 * arrive here (slave propagation). Idempotent; cannot be undone. Call it on the main thread: children started before it
 * keep the host's view.
 */
export function enterPrivateMountNamespace(): void {
  if (entered) return;
  unshare(namespaceFlags.mount);
  entered = true;
  mount({ source: "none", target: "/", flags: mountFlags.recursive | mountFlags.slave });
}

/** True once `enterPrivateMountNamespace` has been called in this process. */
export function inPrivateMountNamespace(): boolean {
  return entered;
}

/** True when user ids of this process are mapped, that is: it is root at most of a user namespace. */
export function inUserNamespace(): boolean {
  try {
    return !isInitialUidMap(readFileSync("/proc/self/uid_map", "utf8"));
  } catch {
    return false;
  }
}

/** Whether the text of /proc/PID/uid_map is the identity over all ids, which only the initial user namespace has. */
export function isInitialUidMap(text: string): boolean {
  return text.trim().split(/\s+/).join(" ") === "0 0 4294967295";
}

/** How many ids the text of /proc/PID/uid_map (or gid_map) maps. */
export function countMappedIds(text: string): number {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return lines.reduce((sum, line) => sum + Number(line.trim().split(/\s+/)[2] ?? 0), 0);
}

/** Whether this process can name the 65,536 ids an image may use: a user namespace often has only its user's own. */
export function hasImageIds(): boolean {
  try {
    return ["uid_map", "gid_map"].every(
      (map) => countMappedIds(readFileSync(`/proc/self/${map}`, "utf8")) >= 65536,
    );
  } catch {
    return false;
  }
}
