/**
 * Files of the kernel that tell about, or let one reach, the host: hidden behind an empty file or directory.
 * The per-cpu thermal throttle counters are a side channel (power analysis), as is powercap.
 */
export const maskedPaths: readonly string[] = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/sys/devices/virtual/powercap",
  "/sys/firmware",
];

export const readonlyPaths: readonly string[] = [
  "/proc/bus",
  "/proc/fs",
  "/proc/irq",
  "/proc/sys",
  "/proc/sysrq-trigger",
];

/** One thermal-throttle directory for each processor the host has; runtimes skip those that do not exist. */
export function thermalPaths(cpus: number): string[] {
  return Array.from({ length: cpus }, (_, n) => `/sys/devices/system/cpu/cpu${n}/thermal_throttle`);
}
