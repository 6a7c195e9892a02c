import { lstatSync, readdirSync } from "node:fs";
import { splitDevice } from "../../sys/index.ts";
import type { Device } from "../spec/types.ts";

/** Of their own in every container: made by the runtime, or file systems that are mounted there. */
const ownOfContainers = new Set(
  "console full null ptmx random tty urandom zero pts shm mqueue hugepages fd stdin stdout stderr".split(" "),
);

/** The device nodes of this machine, for a container that may use all of them. Those that go while it looks are left out. */
export function hostDevices(folder = "/dev"): Device[] {
  return namesIn(folder).flatMap((name): Device[] => {
    if (folder === "/dev" && (ownOfContainers.has(name) || name.startsWith("."))) return [];
    const path = `${folder}/${name}`;
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory()) return hostDevices(path);
    if (!stat?.isCharacterDevice() && !stat?.isBlockDevice()) return [];
    const type = stat.isBlockDevice() ? "b" : "c";
    return [
      { path, type, ...splitDevice(stat.rdev), fileMode: stat.mode & 0o777, uid: stat.uid, gid: stat.gid },
    ];
  });
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
