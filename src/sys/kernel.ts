import { readFileSync } from "node:fs";
import { release } from "node:os";

export interface KernelVersion {
  readonly major: number;
  readonly minor: number;
  /** As uname(2) says it: `6.1.0-18-amd64`. */
  readonly release: string;
}

/** Reads `6.18.44-fc-v657` and the like; zeros for what it cannot read. */
export function parseKernelVersion(text: string): KernelVersion {
  const match = /^(\d+)\.(\d+)/.exec(text);
  return { major: Number(match?.[1] ?? 0), minor: Number(match?.[2] ?? 0), release: text };
}

/** Version of the running kernel. */
export function kernelVersion(): KernelVersion {
  return parseKernelVersion(release());
}

/** True when `version` is `major.minor` or newer. */
export function isKernelAtLeast(version: KernelVersion, major: number, minor: number): boolean {
  return version.major > major || (version.major === major && version.minor >= minor);
}

/** Names in the text of /proc/filesystems: what is built in or loaded; a module may add more at the first mount. */
export function parseFileSystems(text: string): Set<string> {
  const names = text.split("\n").map((line) => line.split("\t").at(-1)?.trim() ?? "");
  return new Set(names.filter((name) => name !== ""));
}

/** File systems the kernel has registered; empty off Linux. */
export function supportedFileSystems(): Set<string> {
  try {
    return parseFileSystems(readFileSync("/proc/filesystems", "utf8"));
  } catch {
    return new Set();
  }
}
