import { readFileSync, writeFile } from "node:fs";

/** How long the kernel stays ready after a move, as measured; it then falls back to the slow start. */
const readyFor = 15;

let last = Number.NEGATIVE_INFINITY;

/**
 * Gets the kernel ready for moving a process into a control group. The first move after a pause waits for an RCU grace period
 * (6 to 20 ms, measured), those right after it take 0.05 ms. The runtime must move every container, so a move that changes
 * nothing, of ourselves to where we are, is begun here on another thread: the wait then passes while the root file system is
 * mounted and the monitor starts. Never fails, and nothing depends on it.
 */
export function readyControlGroups(): void {
  const now = performance.now();
  if (now - last < readyFor) return;
  last = now;
  const path = ownGroup();
  if (path !== undefined) writeFile(`${path}/cgroup.procs`, String(process.pid), () => {});
}

function ownGroup(): string | undefined {
  try {
    return ownGroupOf(readFileSync("/proc/self/cgroup", "utf8"));
  } catch {
    return undefined;
  }
}

/** The folder of one of our groups by the text of /proc/self/cgroup: `id:controllers:path`, version 2 with no controllers. */
export function ownGroupOf(text: string): string | undefined {
  const groups = text
    .trim()
    .split("\n")
    .map((line) => /^\d+:([^:]*):(\/.*)$/.exec(line))
    .filter((match) => match !== null);
  // A version 1 controller, where there is one: moving inside version 2 may be refused to a group that has children.
  const group =
    groups.find(([, controllers]) => /^[a-z_]+$/.test(controllers!)) ??
    groups.find(([, name]) => name === "");
  if (group === undefined) return undefined;
  const [, controller, path] = group;
  return `/sys/fs/cgroup${controller === "" ? "" : `/${controller}`}${path === "/" ? "" : path}`;
}
