import { readFileSync, writeFile } from "node:fs";

/** Milliseconds after a move in which another would be for nothing: the kernel stays ready for longer. */
const pause = 3;

let isMoving = false;
let last = Number.NEGATIVE_INFINITY;
/** Folder of a group of ours; empty when there is none. */
let group: string | undefined;

/**
 * Gets the kernel ready for moving a process into a control group. The first move after a pause waits for a grace period of RCU
 * (8 to 20 ms, measured), those in the next such period take 0.05 ms and make it longer. A runtime must move every container, so a move that changes
 * nothing, of ourselves to where we are, is begun here on another thread: the sooner, the more of the wait is over when the runtime comes to
 * its own. Never fails, and nothing depends on it.
 */
export function readyControlGroups(): void {
  if (isMoving || performance.now() - last < pause) return;
  group ??= ownGroup() ?? "";
  if (group === "") return;
  isMoving = true;
  writeFile(`${group}/cgroup.procs`, String(process.pid), () => {
    isMoving = false;
    last = performance.now();
  });
}

/** As `readyControlGroups` until disposed, while a runtime that was started is on its way to its move. */
export function holdControlGroupsReady(): Disposable {
  readyControlGroups();
  const timer = setInterval(readyControlGroups, pause);
  return { [Symbol.dispose]: () => clearInterval(timer) };
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
