import { writeSync } from "node:fs";
import type { Engine } from "../engine/index.ts";
import { StrakeError } from "../errors/index.ts";
import { ownTerminal, type TerminalFacts } from "./terminal.ts";

/** What a command works with: the engine, the terminal, and the signal that Ctrl-C aborts. */
export interface Cli {
  readonly signal: AbortSignal;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The folder relative paths start from. */
  readonly cwd: string;
  readonly terminal: TerminalFacts;
  /** Opened at the first call, so that commands without a store need none. */
  engine(): Promise<Engine>;
  /** Writes results: all of it, in order, or ends quietly when the reader is gone. */
  print(text: string | Uint8Array): void;
  /** Writes what is not a result; goes on when nobody reads it. */
  note(text: string | Uint8Array): void;
  now(): number;
  /** From here on these signals, or all, are the command's own: `run` hands them to the container. */
  yieldSignals(...names: NodeJS.Signals[]): void;
  /** Nothing of what the command changed in the store is there any more when it ends: no power cut can take it back. */
  leaveNothing(): void;
  /** Ends the process with this code the short way if the store was opened, and comes back if not. */
  leave(code: number): Promise<void>;
}

/** The process's own terminal and store. */
export function processCli(
  signal: AbortSignal,
  yieldSignals: (names: NodeJS.Signals[]) => void = () => {},
): Cli {
  let opened: Promise<Engine> | undefined;
  let lasting = true;
  return {
    signal,
    env: process.env,
    cwd: process.cwd(),
    terminal: ownTerminal,
    engine() {
      opened ??= import("./open-engine.ts").then(({ openEngine }) =>
        openEngine((message) => writeAll(2, `warning: ${message}\n`)),
      );
      return opened;
    },
    print: (text) => writeAll(1, text),
    note: (text) => writeAll(2, text),
    now: () => Date.now(),
    yieldSignals: (...names) => yieldSignals(names),
    leaveNothing() {
      lasting = false;
    },
    async leave(code) {
      const engine = await opened?.catch(() => undefined);
      // Somebody who has something to put right at the end, such as a terminal, gets his turn.
      if (process.listenerCount("exit") === 0) engine?.leaveProcess(code, { lasting });
    },
  };
}

/**
 * write(2) until everything is out: a pipe takes less than asked for when its reader is slow. Progress and warnings that nobody can read (a log on
 * a full disk, a terminal that was closed) are no reason to drop the work.
 */
function writeAll(fd: 1 | 2, text: string | Uint8Array): void {
  let bytes = typeof text === "string" ? Buffer.from(text) : text;
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(fd, bytes));
    } catch (thrown) {
      const code = (thrown as NodeJS.ErrnoException).code;
      if (code === "EAGAIN") Bun.sleepSync(1);
      else if (fd === 2) return;
      // The reader went away (`| head`): nobody wants the rest of a result, which is no failure of ours.
      else if (code === "EPIPE") process.exit(0);
      else throw new StrakeError("INTERNAL", `could not write the output: ${thrown}`, { cause: thrown });
    }
  }
}
