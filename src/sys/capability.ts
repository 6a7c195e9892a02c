import { readFileSync } from "node:fs";

/** Linux's capabilities in the order of their numbers, from CAP_CHOWN = 0. */
export const capabilityNames = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_DAC_READ_SEARCH",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETPCAP",
  "CAP_LINUX_IMMUTABLE",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_BROADCAST",
  "CAP_NET_ADMIN",
  "CAP_NET_RAW",
  "CAP_IPC_LOCK",
  "CAP_IPC_OWNER",
  "CAP_SYS_MODULE",
  "CAP_SYS_RAWIO",
  "CAP_SYS_CHROOT",
  "CAP_SYS_PTRACE",
  "CAP_SYS_PACCT",
  "CAP_SYS_ADMIN",
  "CAP_SYS_BOOT",
  "CAP_SYS_NICE",
  "CAP_SYS_RESOURCE",
  "CAP_SYS_TIME",
  "CAP_SYS_TTY_CONFIG",
  "CAP_MKNOD",
  "CAP_LEASE",
  "CAP_AUDIT_WRITE",
  "CAP_AUDIT_CONTROL",
  "CAP_SETFCAP",
  "CAP_MAC_OVERRIDE",
  "CAP_MAC_ADMIN",
  "CAP_SYSLOG",
  "CAP_WAKE_ALARM",
  "CAP_BLOCK_SUSPEND",
  "CAP_AUDIT_READ",
  "CAP_PERFMON",
  "CAP_BPF",
  "CAP_CHECKPOINT_RESTORE",
] as const;

export type CapabilityName = (typeof capabilityNames)[number];

export interface CapabilitySets {
  readonly effective: ReadonlySet<string>;
  readonly permitted: ReadonlySet<string>;
  readonly inheritable: ReadonlySet<string>;
  readonly bounding: ReadonlySet<string>;
  readonly ambient: ReadonlySet<string>;
}

/** Reads the Cap* lines of /proc/PID/status, each when it is asked for: every command looks at one. */
export function parseCapabilities(status: string): CapabilitySets {
  const set = (key: string): ReadonlySet<string> => {
    const line = status.split("\n").find((text) => text.startsWith(`${key}:`));
    const mask = line?.slice(key.length + 1).trim() ?? "0";
    return new Set(capabilityNames.filter((_, number) => hasBit(mask, number)));
  };
  return {
    get effective() {
      return set("CapEff");
    },
    get permitted() {
      return set("CapPrm");
    },
    get inheritable() {
      return set("CapInh");
    },
    get bounding() {
      return set("CapBnd");
    },
    get ambient() {
      return set("CapAmb");
    },
  };
}

/** A digit of a hexadecimal number holds four bits. */
function hasBit(mask: string, number: number): boolean {
  const digit = mask.at(-1 - (number >> 2)) ?? "0";
  return ((Number.parseInt(digit, 16) >> (number & 3)) & 1) === 1;
}

/** Capabilities of this process now; empty sets off Linux. */
export function capabilities(): CapabilitySets {
  try {
    return parseCapabilities(readFileSync("/proc/self/status", "utf8"));
  } catch {
    return parseCapabilities("");
  }
}

/** Whether this process may mount in its namespace. */
export function hasCapSysAdmin(): boolean {
  return capabilities().effective.has("CAP_SYS_ADMIN");
}
