import type { Mount } from "./types.ts";

/** 64 MiB, as every engine gives. */
export const defaultShmSize = 64 * 1024 * 1024;

export interface SystemMountOptions {
  readonly shmSize?: number;
  readonly privileged?: boolean;
  /** False where the host has no cgroup file system that may be mounted. */
  readonly cgroup?: boolean;
  /** True when the container keeps the host's network: a new sysfs then shows the host's devices, still read-only. */
  readonly hostNetwork?: boolean;
}

/** The file systems of every Linux container (runtime-spec config-linux.md, "Default Filesystems"). */
export function systemMounts(options: SystemMountOptions = {}): Mount[] {
  const access = options.privileged ? "rw" : "ro";
  const shm = options.shmSize ?? defaultShmSize;
  const mounts: Mount[] = [
    mount("/proc", "proc", "proc", ["nosuid", "noexec", "nodev"]),
    mount("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    // gid 5 is the tty group of every distribution, so that programs of any user can open their terminal.
    mount("/dev/pts", "devpts", "devpts", [
      "nosuid",
      "noexec",
      "newinstance",
      "ptmxmode=0666",
      "mode=0620",
      "gid=5",
    ]),
    mount("/sys", "sysfs", "sysfs", ["nosuid", "noexec", "nodev", access]),
    mount("/dev/mqueue", "mqueue", "mqueue", ["nosuid", "noexec", "nodev"]),
    mount("/dev/shm", "tmpfs", "shm", ["nosuid", "noexec", "nodev", "mode=1777", `size=${shm}`]),
  ];
  if (options.cgroup !== false)
    mounts.splice(4, 0, mount("/sys/fs/cgroup", "cgroup", "cgroup", [access, "nosuid", "noexec", "nodev"]));
  return mounts;
}

/** Options of `-v`/`--mount` that are ours to pass on; everything else is refused (CVE-2024-9407). */
export type BindPropagation = "rprivate" | "private" | "rslave" | "slave" | "rshared" | "shared";

export interface BindOptions {
  readonly readonly?: boolean;
  readonly propagation?: BindPropagation;
}

export function bindMount(source: string, destination: string, options: BindOptions = {}): Mount {
  return mount(destination, "bind", source, [
    "rbind",
    options.propagation ?? "rprivate",
    ...(options.readonly ? ["ro"] : ["rw"]),
  ]);
}

/** `--tmpfs`: never executable set-uid programs or devices unless the caller's options say so. */
export function tmpfsMount(destination: string, options: readonly string[] = []): Mount {
  return mount(destination, "tmpfs", "tmpfs", ["noexec", "nosuid", "nodev", "rw", ...options]);
}

/**
 * Mounts in the order in which they can be made: a mount below another comes after it, otherwise it would be hidden.
 * Of two for the same destination the later one stands.
 */
export function orderMounts(mounts: readonly Mount[]): Mount[] {
  const byDestination = new Map<string, Mount>();
  for (const entry of mounts) {
    byDestination.delete(entry.destination);
    byDestination.set(entry.destination, entry);
  }
  const depth = (path: string) => (path === "/" ? 0 : path.split("/").length - 1);
  return [...byDestination.values()]
    .map((entry, position) => ({ entry, position }))
    .sort((a, b) => depth(a.entry.destination) - depth(b.entry.destination) || a.position - b.position)
    .map(({ entry }) => entry);
}

function mount(destination: string, type: string, source: string, options: readonly string[]): Mount {
  return { destination, type, source, options };
}
