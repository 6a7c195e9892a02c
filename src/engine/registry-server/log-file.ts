import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs";
import { StrakeError } from "../../errors/index.ts";

/**
 * Writes all of a text. A full disk or a reader that went away must not stop a registry: what cannot be written is left
 * out of the log.
 */
export function writeSteadily(descriptor: number, text: string | Uint8Array): void {
  let bytes = Buffer.from(text as string);
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(descriptor, bytes));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return;
      Bun.sleepSync(1);
    }
  }
}

/**
 * How the log is written to standard output. A pipe whose reader stands still takes what fits and no more: waiting for that
 * reader would stop the registry.
 */
export function standardOutput(): (bytes: Uint8Array) => number {
  const pipe = openPipe(1);
  return (bytes) => {
    if (pipe !== undefined) return writeNow(pipe, bytes);
    writeSteadily(1, bytes);
    return bytes.byteLength;
  };
}

/** A pipe opened anew, so that it does not wait here and goes on to for others; undefined for anything else. */
function openPipe(descriptor: number): number | undefined {
  try {
    if (!fstatSync(descriptor).isFIFO()) return undefined;
    return openSync(`/proc/self/fd/${descriptor}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}

/** Writes what is taken at once, and says how much that was; for a reader that went away all is lost. */
function writeNow(descriptor: number, bytes: Uint8Array): number {
  try {
    return writeSync(descriptor, bytes);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EAGAIN" ? 0 : bytes.byteLength;
  }
}

/** A file that lines are added to, and that is opened anew when it was moved away. */
export class LogFile {
  readonly #path: string;
  #descriptor: number;

  /** Throws REGISTRY_SERVER_CONFIG when it cannot be opened. */
  constructor(path: string) {
    this.#path = path;
    this.#descriptor = open(path);
  }

  readonly write = (bytes: Uint8Array): number => {
    writeSteadily(this.#descriptor, bytes);
    return bytes.byteLength;
  };

  reopen(): void {
    const next = open(this.#path);
    closeSync(this.#descriptor);
    this.#descriptor = next;
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

function open(path: string): number {
  try {
    return openSync(path, "a", 0o640);
  } catch (cause) {
    throw new StrakeError("REGISTRY_SERVER_CONFIG", `the access log ${path} cannot be opened`, { cause });
  }
}
