import { mkdirSync, writeFile } from "node:fs";
import { type CgroupLayout, readCgroupLayout } from "../../sys/index.ts";

/** Beside the groups of the containers, whose names are ids. */
const monitorGroup = "/strake/monitors";

/**
 * The folders of the monitors' group in the hierarchies by which systemd knows what belongs to a service or a login: version 2, and the
 * version 1 one named after it. Pure.
 */
export function monitorGroups({ unified, controllers }: CgroupLayout): string[] {
  return [unified, controllers.get("name=systemd")]
    .filter((tree) => tree !== undefined)
    .map((tree) => `${tree}${monitorGroup}`);
}

/**
 * Moves a monitor out of the group of whoever started it. A service of systemd that starts a container and ends, or a login that does where
 * KillUserProcesses is set, has all of its group killed: the container, in a group of its own, would go on with nobody to keep its log and see its
 * end. Where a group cannot be made or entered the monitor stays where it is.
 */
export async function leaveStartersGroup(pid: number, layout = readCgroupLayout()): Promise<void> {
  await Promise.all(monitorGroups(layout).map((folder) => enter(folder, pid)));
}

/** Not by this thread: the kernel may wait 20 ms before it moves a process (see sys/control-group-move.ts). */
function enter(folder: string, pid: number): Promise<void> {
  return new Promise((resolve) => {
    try {
      mkdirSync(folder, { recursive: true });
      writeFile(`${folder}/cgroup.procs`, String(pid), () => resolve());
    } catch {
      resolve();
    }
  });
}
