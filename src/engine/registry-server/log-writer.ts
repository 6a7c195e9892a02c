import type { AccessLog } from "../../registry/server/index.ts";

/** Milliseconds for which lines are gathered before they are written. */
const gathered = 50;
const lengthLimit = 64 << 10;
/** Characters that wait for a reader who takes none; lines beyond them are left out, and counted. */
const waitingLimit = 1 << 20;

/** Milliseconds for the last lines of all. */
const lastWait = 1000;

const encoder = new TextEncoder();

/** The access log as lines of JSON, gathered for a moment: a line must not cost a system call. */
export class LogWriter implements Disposable {
  readonly #write: (bytes: Uint8Array) => number;
  #waiting = "";
  /** What was not taken; all else waits behind it. */
  #rest = new Uint8Array();
  #dropped = 0;
  /** Milliseconds until the next attempt. */
  #pause = 1;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `write` says how many of the bytes are taken: of a log that nobody reads they may be none. */
  constructor(write: (bytes: Uint8Array) => number) {
    this.#write = write;
  }

  readonly log: AccessLog = (record) => {
    if (this.#waiting.length >= waitingLimit) {
      this.#dropped++;
      return;
    }
    this.#waiting += `${JSON.stringify(record)}\n`;
    if (this.#waiting.length >= lengthLimit && this.#rest.byteLength === 0) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), gathered);
  };

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#rest.byteLength === 0) this.#rest = this.#gather();
    if (this.#rest.byteLength === 0) return;
    const taken = this.#write(this.#rest);
    this.#rest = this.#rest.subarray(taken);
    this.#pause = taken > 0 ? 1 : Math.min(2 * this.#pause, gathered);
    if (this.#isBehind) this.#timer = setTimeout(() => this.flush(), this.#pause);
  }

  /** Writes what is left; a reader who does not take it is waited for a moment. */
  [Symbol.dispose](): void {
    const end = performance.now() + lastWait;
    for (this.flush(); this.#isBehind && performance.now() < end; this.flush()) Bun.sleepSync(2);
    clearTimeout(this.#timer);
  }

  get #isBehind(): boolean {
    return this.#rest.byteLength > 0 || this.#waiting !== "";
  }

  #gather(): Uint8Array<ArrayBuffer> {
    const time = new Date().toISOString();
    const missing = this.#dropped > 0 ? `${JSON.stringify({ time, dropped: this.#dropped })}\n` : "";
    const bytes = encoder.encode(this.#waiting + missing);
    this.#waiting = "";
    this.#dropped = 0;
    return bytes;
  }
}
