import { check, libc } from "./libc.ts";

export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** Settings of a terminal as the kernel gave them, to be handed back; opaque. */
export type TerminalState = Uint8Array;

/** struct termios is 60 bytes in glibc and musl; room to spare. */
const termiosSize = 128;
const setNow = 0;
const getWindowSize = 0x5413;
const setWindowSize = 0x5414;

/** tcgetattr(3). SYS_INVALID (ENOTTY) when the descriptor is no terminal. */
export function terminalState(fd: number): TerminalState {
  const state = new Uint8Array(termiosSize);
  check(libc().tcgetattr(fd, state), "tcgetattr", `descriptor ${fd}`);
  return state;
}

/** tcsetattr(3), at once. */
export function setTerminalState(fd: number, state: TerminalState): void {
  check(libc().tcsetattr(fd, setNow, state), "tcsetattr", `descriptor ${fd}`);
}

/**
 * Puts a terminal into raw mode (cfmakeraw(3)): every byte goes through, no echo, no signals from keys. Gives the state before, for
 * `setTerminalState`; whoever calls this must do that on every way out.
 */
export function makeRaw(fd: number): TerminalState {
  const before = terminalState(fd);
  const raw = before.slice();
  libc().cfmakeraw(raw);
  setTerminalState(fd, raw);
  return before;
}

/** Rows and columns of a terminal (TIOCGWINSZ); undefined when the descriptor is none. */
export function windowSize(fd: number): TerminalSize | undefined {
  const winsize = new Uint16Array(4);
  if (libc().ioctl(fd, getWindowSize, new Uint8Array(winsize.buffer)) !== 0) return undefined;
  return { rows: winsize[0]!, columns: winsize[1]! };
}

/** Tells a terminal its size (TIOCSWINSZ); the processes in it get SIGWINCH. */
export function setWindowSizeOf(fd: number, size: TerminalSize): void {
  const winsize = Uint16Array.of(size.rows, size.columns, 0, 0);
  const result = libc().ioctl(fd, setWindowSize, new Uint8Array(winsize.buffer));
  check(result, "ioctl TIOCSWINSZ", `descriptor ${fd}`);
}
