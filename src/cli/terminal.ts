import { windowSize } from "../sys/index.ts";

/** What a command may ask about the terminal it was started from. */
export interface TerminalFacts {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly columns: number;
  readonly rows: number;
  /** NO_COLOR is not set and stderr is a terminal that can. */
  readonly color: boolean;
}

interface Size {
  readonly columns: number;
  readonly rows: number;
}

/**
 * The terminal of this process, asked when somebody wants to know. Touching process.stdin or process.stdout loads the stream library, 9 ms
 * that most commands have no use for; the kernel answers in a few microseconds.
 */
export const ownTerminal: TerminalFacts = {
  get stdin() {
    return sizeOf(0) !== undefined;
  },
  get stdout() {
    return sizeOf(1) !== undefined;
  },
  get stderr() {
    return sizeOf(2) !== undefined;
  },
  get columns() {
    return sizeOf(2)?.columns || sizeOf(1)?.columns || 80;
  },
  get rows() {
    return sizeOf(2)?.rows || sizeOf(1)?.rows || 24;
  },
  get color() {
    return sizeOf(2) !== undefined && !process.env.NO_COLOR && process.env.TERM !== "dumb";
  },
};

/** Undefined when the descriptor is no terminal. */
function sizeOf(fd: 0 | 1 | 2): Size | undefined {
  if (process.platform === "linux") return windowSize(fd);
  const stream = fd === 0 ? process.stdin : fd === 1 ? process.stdout : process.stderr;
  if (!stream.isTTY) return undefined;
  return "columns" in stream ? { columns: stream.columns, rows: stream.rows } : { columns: 0, rows: 0 };
}
