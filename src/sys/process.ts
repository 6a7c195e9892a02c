import { readFileSync } from "node:fs";
import { errnoName, sysError } from "./errno.ts";
import { errno, libc } from "./libc.ts";
import { syscall } from "./syscall.ts";

/**
 * kill(2) with a number, so that real-time signals (34 to 64) work too. False when there is no such process. Signal 0 only
 * asks. Errors: SYS_DENIED for somebody else's process.
 */
export function kill(pid: number, signal: number): boolean {
  return reached(libc().kill(pid, signal), "kill", pid);
}

/** pidfd_open(2): a descriptor that means this process and never a later one of the same number. Undefined when gone. */
export function pidfdOpen(pid: number): number | undefined {
  const fd = syscall("pidfd_open", pid, 0);
  if (fd >= 0) return fd;
  const number = errno();
  if (errnoName(number) === "ESRCH") return undefined;
  throw sysError(number, { call: "pidfd_open", path: String(pid) });
}

/** pidfd_send_signal(2). False when the process is gone. */
export function pidfdSendSignal(fd: number, signal: number): boolean {
  return reached(syscall("pidfd_send_signal", fd, signal, null, 0), "pidfd_send_signal", fd);
}

function reached(result: number, call: string, target: number): boolean {
  if (result === 0) return true;
  const number = errno();
  if (errnoName(number) === "ESRCH") return false;
  throw sysError(number, { call, path: String(target) });
}

/** What /proc/PID/stat says of a process, as far as it is needed here. */
export interface ProcessStat {
  readonly command: string;
  /** One letter: R, S, D, Z (zombie), X (dead) ... */
  readonly state: string;
  readonly parent: number;
  /** Clock ticks after boot: with the pid it names a process for good until the next boot. */
  readonly startTime: number;
}

/** Reads the text of /proc/PID/stat. The command may hold spaces and parentheses; it ends at the last `)`. */
export function parseProcessStat(text: string): ProcessStat | undefined {
  const open = text.indexOf("(");
  const close = text.lastIndexOf(")");
  const fields = text.slice(close + 2).split(" ");
  const startTime = Number(fields[19]);
  if (open < 0 || close < open || !Number.isInteger(startTime)) return undefined;
  return {
    command: text.slice(open + 1, close),
    state: fields[0] ?? "",
    parent: Number(fields[1]),
    startTime,
  };
}

/** The state of a process now; undefined when there is none of that pid. */
export function processStat(pid: number): ProcessStat | undefined {
  try {
    return parseProcessStat(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return undefined;
  }
}

/** Start time of a process in clock ticks after boot; undefined when there is none of that pid. */
export function processStartTime(pid: number): number | undefined {
  return processStat(pid)?.startTime;
}

/**
 * Whether the process that had this pid and start time still runs. A zombie does not: it only waits to be reaped.
 * Without a start time any living process of that pid counts.
 */
export function isProcessAlive(pid: number, startTime?: number): boolean {
  const stat = processStat(pid);
  if (stat === undefined || stat.state === "Z" || stat.state === "X") return false;
  return startTime === undefined || stat.startTime === startTime;
}

/** Whether whoever started this process had it ignore the signal of this number, as nohup does with SIGHUP. To be asked before it is listened to. */
export function ignoresSignal(number: number): boolean {
  try {
    return ((ownMask("SigIgn") >> BigInt(number - 1)) & 1n) === 1n;
  } catch {
    return false;
  }
}

/** A set of bits that /proc/self/status shows in hexadecimal, such as `CapBnd`; none where the kernel does not show it. */
export function ownMask(name: string): bigint {
  const text = readFileSync("/proc/self/status", "latin1");
  const bits = new RegExp(`^${name}:\\s*([0-9a-f]+)`, "m").exec(text)?.[1] ?? "0";
  return BigInt(`0x${bits}`);
}

let bootIdRead: string | undefined;

/** The kernel's id of this boot. Start times compare only within one boot. "" where there is none. */
export function bootId(): string {
  if (bootIdRead === undefined) {
    try {
      bootIdRead = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    } catch {
      bootIdRead = "";
    }
  }
  return bootIdRead;
}

/** Real user id; 0 off Linux is never given. */
export function getuid(): number {
  return process.getuid?.() ?? 65534;
}

/** Real group id. */
export function getgid(): number {
  return process.getgid?.() ?? 65534;
}
