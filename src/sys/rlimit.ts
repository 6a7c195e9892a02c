import { check } from "./libc.ts";
import { syscall } from "./syscall.ts";

/** Resources of getrlimit(2) on x86_64 and arm64, by the names the runtime specification uses. */
export const rlimitNames = [
  "RLIMIT_CPU",
  "RLIMIT_FSIZE",
  "RLIMIT_DATA",
  "RLIMIT_STACK",
  "RLIMIT_CORE",
  "RLIMIT_RSS",
  "RLIMIT_NPROC",
  "RLIMIT_NOFILE",
  "RLIMIT_MEMLOCK",
  "RLIMIT_AS",
  "RLIMIT_LOCKS",
  "RLIMIT_SIGPENDING",
  "RLIMIT_MSGQUEUE",
  "RLIMIT_NICE",
  "RLIMIT_RTPRIO",
  "RLIMIT_RTTIME",
] as const;

export type RlimitName = (typeof rlimitNames)[number];

/** A soft and a hard limit; `Infinity` for RLIM_INFINITY. */
export interface Rlimit {
  readonly soft: number;
  readonly hard: number;
}

const infinity = 0xffffffffffffffffn;

/** Limits of this process, or of another by its pid. */
export function getRlimit(name: RlimitName, pid = 0): Rlimit {
  const words = new BigUint64Array(2);
  const bytes = new Uint8Array(words.buffer);
  check(syscall("prlimit64", pid, rlimitNames.indexOf(name), null, bytes), "prlimit64", name);
  return { soft: fromWord(words[0]!), hard: fromWord(words[1]!) };
}

/** Sets the limits of this process, or of another by its pid. SYS_DENIED above the hard limit without CAP_SYS_RESOURCE. */
export function setRlimit(name: RlimitName, limit: Rlimit, pid = 0): void {
  const words = BigUint64Array.of(toWord(limit.soft), toWord(limit.hard));
  const bytes = new Uint8Array(words.buffer);
  check(syscall("prlimit64", pid, rlimitNames.indexOf(name), bytes, null), "prlimit64", name);
}

function fromWord(word: bigint): number {
  return word === infinity ? Number.POSITIVE_INFINITY : Number(word);
}

function toWord(value: number): bigint {
  return value === Number.POSITIVE_INFINITY ? infinity : BigInt(value);
}
