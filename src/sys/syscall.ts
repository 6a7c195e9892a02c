import { addressOf, libc } from "./libc.ts";

/** Numbers of calls that libc has no wrapper for (or only in versions newer than Debian 12's); x64, then arm64. */
export const syscallNumbers = {
  fcntl: [72, 25],
  capget: [125, 90],
  getdents64: [217, 61],
  openat: [257, 56],
  mknodat: [259, 33],
  pipe2: [293, 59],
  pidfd_send_signal: [424, 424],
  move_mount: [429, 429],
  fsopen: [430, 430],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  pidfd_open: [434, 434],
  openat2: [437, 437],
  mount_setattr: [442, 442],
  cachestat: [451, 451],
} as const satisfies Record<string, readonly [x64: number, arm64: number]>;

export type SyscallName = keyof typeof syscallNumbers;

/** A system call by name; -1 with errno set on failure. Buffers are passed by address and outlive the call. */
export function syscall(
  name: SyscallName,
  ...args: readonly (number | bigint | Uint8Array | null)[]
): number {
  const number = syscallNumbers[name][process.arch === "arm64" ? 1 : 0];
  const words: (number | bigint)[] = [];
  for (const arg of args) words.push(arg === null ? 0 : arg instanceof Uint8Array ? addressOf(arg) : arg);
  while (words.length < 6) words.push(0);
  const result = libc().syscall(number, ...words);
  // `args` is read after the call so that no buffer in it can be collected while the kernel writes to it.
  return args.length > 6 ? -1 : result;
}
