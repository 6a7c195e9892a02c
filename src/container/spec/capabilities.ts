import { StrakeError } from "../../errors/index.ts";
import { type CapabilityName, capabilityNames } from "../../sys/index.ts";
import type { CapabilitySets } from "./types.ts";

/** Every capability of Linux up to 5.9 (capabilities(7)), without the `CAP_` prefix. */
export const allCapabilities = (
  "AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE " +
  "DAC_READ_SEARCH FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD " +
  "NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYSLOG SYS_ADMIN " +
  "SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME " +
  "SYS_TTY_CONFIG WAKE_ALARM"
).split(" ");

/** The fourteen a container gets when nothing is said: what root in a container needs to be a usual root. */
export const defaultCapabilities = (
  "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP " +
  "SETUID SYS_CHROOT"
).split(" ");

export interface CapabilityChoice {
  /** Names with or without `CAP_`, any case, or `ALL`. */
  readonly add?: readonly string[];
  readonly drop?: readonly string[];
  readonly privileged?: boolean;
}

/**
 * The capabilities a container may hold, `CAP_`-prefixed and sorted. `drop ALL` empties the default before `add`
 * applies; `add ALL` starts from everything before `drop` applies. Unknown names throw `CAPABILITY_UNKNOWN`.
 */
export function resolveCapabilities(choice: CapabilityChoice = {}): string[] {
  if (choice.privileged) return allCapabilities.map((name) => `CAP_${name}`);
  const add = (choice.add ?? []).map(normalise);
  const drop = (choice.drop ?? []).map(normalise);
  const set = new Set(drop.includes("ALL") ? [] : defaultCapabilities);
  if (add.includes("ALL")) for (const name of allCapabilities) set.add(name);
  for (const name of drop) set.delete(name);
  for (const name of add) if (name !== "ALL") set.add(name);
  return [...set].sort().map((name) => `CAP_${name}`);
}

/**
 * The five sets of a process. Inheritable and ambient stay empty: inheritable bits let any file in the image with
 * inheritable file capabilities raise them after a change of user (CVE-2022-24769). A process that does not run as
 * root starts with no effective or permitted capability, as in Docker; the bounding set still limits set-uid programs.
 */
export function capabilitySets(capabilities: readonly string[], uid: number): CapabilitySets {
  const own = uid === 0 ? capabilities : [];
  return { bounding: capabilities, effective: own, permitted: own, inheritable: [], ambient: [] };
}

/**
 * Only those the caller holds itself: a runtime refuses a spec that asks for more than the host's bounding set has.
 * `boundingMask` is CapBnd of /proc/self/status.
 */
export function grantable(capabilities: readonly string[], boundingMask: bigint): string[] {
  return capabilities.filter((name) => {
    const bit = capabilityNames.indexOf(name as CapabilityName);
    return bit < 0 || (boundingMask & (1n << BigInt(bit))) !== 0n;
  });
}

function normalise(name: string): string {
  const upper = name.toUpperCase().replace(/^CAP_/, "");
  if (upper !== "ALL" && !allCapabilities.includes(upper))
    throw new StrakeError("CAPABILITY_UNKNOWN", `unknown capability "${name}"`, {
      hint: "Names are those of capabilities(7), with or without CAP_, or ALL.",
    });
  return upper;
}
