import { readFileSync } from "node:fs";
import { decodePath } from "../tar/index.ts";

/** One line of /proc/PID/mountinfo (proc(5)). */
export interface MountInfo {
  readonly id: number;
  readonly parent: number;
  /** `major:minor` of files on it. */
  readonly device: string;
  /** The path inside the file system that is seen at the mount point. */
  readonly root: string;
  readonly mountPoint: string;
  readonly options: readonly string[];
  /** `shared:N`, `master:N`, `propagate_from:N`, `unbindable`. */
  readonly propagation: readonly string[];
  readonly type: string;
  readonly source: string;
  readonly superOptions: readonly string[];
}

/** Reads the text of a mountinfo file; lines it cannot read are left out. */
export function parseMountInfo(text: string): MountInfo[] {
  return text.split("\n").flatMap((line) => parseLine(line) ?? []);
}

function parseLine(line: string): MountInfo | undefined {
  const fields = line.split(" ");
  // Any number of optional fields, then a single hyphen, then three more.
  const hyphen = fields.indexOf("-", 6);
  if (hyphen < 0 || fields.length < hyphen + 4) return undefined;
  return {
    id: Number(fields[0]),
    parent: Number(fields[1]),
    device: fields[2]!,
    root: decodeOctal(fields[3]!),
    mountPoint: decodeOctal(fields[4]!),
    options: fields[5]!.split(","),
    propagation: fields.slice(6, hyphen),
    type: fields[hyphen + 1]!,
    source: decodeOctal(fields[hyphen + 2]!),
    superOptions: fields[hyphen + 3]!.split(","),
  };
}

/** Space, tab, newline, backslash and `#` stand as a backslash and three octal digits. */
function decodeOctal(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** The mounts this process sees, in the order they were made within each parent. */
export function readMountInfo(pid: number | "self" = "self"): MountInfo[] {
  return parseMountInfo(decodePath(readFileSync(`/proc/${pid}/mountinfo`)));
}
