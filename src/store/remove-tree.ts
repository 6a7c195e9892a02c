import { readFileSync, rmSync } from "node:fs";
import { StrakeError } from "../errors/index.ts";
import { fromNodeError } from "../sys/index.ts";

/** Removes a folder and all below it. Refuses (SYS_BUSY) while anything is mounted there: it would empty what is mounted. */
export function removeTree(path: string): void {
  const mounted = mountPoints().find((point) => point === path || point.startsWith(`${path}/`));
  if (mounted !== undefined)
    throw new StrakeError("SYS_BUSY", `${path} cannot be removed: something is mounted on ${mounted}`, {
      hint: `umount ${mounted}`,
    });
  try {
    rmSync(path, { recursive: true, force: true });
  } catch (error) {
    throw fromNodeError(error);
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
