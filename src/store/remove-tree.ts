import { chmodSync, lstatSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { StrakeError } from "../errors/index.ts";
import { errnoOf, fromNodeError } from "../sys/index.ts";

/** Removes a folder and all below it. Refuses (SYS_BUSY) while anything is mounted there: it would empty what is mounted. */
export function removeTree(path: string): void {
  const mounted = mountPoints().find((point) => point === path || point.startsWith(`${path}/`));
  if (mounted !== undefined)
    throw new StrakeError("SYS_BUSY", `${path} cannot be removed: something is mounted on ${mounted}`, {
      hint: `umount ${mounted}`,
    });
  try {
    remove(path);
  } catch (error) {
    throw fromNodeError(error);
  }
}

function remove(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch (error) {
    if (errnoOf(error) !== "EACCES") throw error;
    // Not root, and a folder its owner cannot enter: overlayfs's work folder has mode 0, images bring others.
    openUp(path);
    rmSync(path, { recursive: true, force: true });
  }
}

/** Gives the owner all rights on every folder of a tree. */
function openUp(path: string): void {
  if (!lstatSync(path).isDirectory()) return;
  chmodSync(path, 0o700);
  for (const name of readdirSync(path)) {
    const child = `${path}/${name}`;
    if (lstatSync(child, { throwIfNoEntry: false })?.isDirectory()) openUp(child);
  }
}

/** Where this process sees mounts; proc_pid_mountinfo(5) writes space, tab, newline and backslash in octal. */
function mountPoints(): string[] {
  let text: string;
  try {
    text = readFileSync("/proc/self/mountinfo", "latin1");
  } catch {
    return [];
  }
  return text.split("\n").flatMap((line) => {
    const point = line.split(" ")[4];
    if (point === undefined) return [];
    const bytes = point.replace(/\\([0-7]{3})/g, (_, octal) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    return [Buffer.from(bytes, "latin1").toString("utf8")];
  });
}
