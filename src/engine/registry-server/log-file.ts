import { closeSync, openSync, writeSync } from "node:fs";
import { StrakeError } from "../../errors/index.ts";
import type { AccessLog } from "../../registry/server/index.ts";

/** Milliseconds for which lines are gathered before they are written. */
const gathered = 50;
const lengthLimit = 64 << 10;

/** The access log as lines of JSON, gathered for a moment: a line must not cost a system call. */
export class LogWriter implements Disposable {
  readonly #write: (text: string) => void;
  #waiting = "";
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  readonly log: AccessLog = (record) => {
    this.#waiting += `${JSON.stringify(record)}\n`;
    if (this.#waiting.length >= lengthLimit) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), gathered);
  };

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting === "") return;
    const text = this.#waiting;
    this.#waiting = "";
    this.#write(text);
  }

  [Symbol.dispose](): void {
    this.flush();
  }
}

/**
 * Writes all of a text. A full disk or a reader that went away must not stop a registry: what cannot be written is left
 * out of the log.
 */
export function writeSteadily(descriptor: number, text: string): void {
  let bytes = Buffer.from(text);
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(descriptor, bytes));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return;
      Bun.sleepSync(1);
    }
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

  readonly write = (text: string): void => writeSteadily(this.#descriptor, text);

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
