import { createReadStream, existsSync, statSync, watch } from "node:fs";
import { throwIfAborted } from "../../errors/index.ts";
import type { OutputStream } from "./attach.ts";

/** One line of a container's log. `data` ends with a newline unless the program wrote none (or a line beyond conmon's buffer). */
export interface LogLine {
  readonly stream: OutputStream;
  /** RFC 3339 in UTC with nanoseconds. */
  readonly time: string;
  readonly data: Uint8Array;
}

export interface LogOptions {
  /** Goes on until the container is over. */
  readonly follow?: boolean;
  /** Only the last lines. */
  readonly tail?: number;
  /** Milliseconds since the epoch. */
  readonly since?: number;
  readonly until?: number;
  readonly signal?: AbortSignal;
}

export interface LogSource {
  readonly path: string;
  /** Whether more may come. */
  readonly isOpen: () => boolean;
}

const newline = 10;

/**
 * Reads a line of conmon's k8s-file format: `TIME STREAM TAG DATA`, where tag `P` says that the line goes on in the next one. Undefined
 * for anything else, such as the rest of a line whose beginning was rotated away.
 */
export function parseLogLine(line: Uint8Array): LogLine | undefined {
  const first = line.indexOf(0x20);
  const second = line.indexOf(0x20, first + 1);
  const third = line.indexOf(0x20, second + 1);
  if (first < 20 || second < 0 || third !== second + 2) return undefined;
  const text = (from: number, to: number) => Buffer.from(line.subarray(from, to)).toString("latin1");
  const stream = text(first + 1, second);
  const tag = line[second + 1];
  if ((stream !== "stdout" && stream !== "stderr") || (tag !== 0x46 && tag !== 0x50)) return undefined;
  const body = line.subarray(third + 1);
  const data = tag === 0x50 ? body.slice() : Buffer.concat([body, Buffer.of(newline)]);
  return { stream, time: utc(text(0, first)), data };
}

/** conmon writes the zone of the machine; lines of machines and of summer and winter must sort as text. */
function utc(time: string): string {
  if (time.endsWith("+00:00")) return `${time.slice(0, -6)}Z`;
  const at = Date.parse(time);
  if (Number.isNaN(at)) return time;
  const fraction = /\.\d+/.exec(time)?.[0] ?? "";
  return `${new Date(at).toISOString().slice(0, 19)}${fraction}Z`;
}

/** The log's lines in order. A log that was rotated meanwhile is read on from its new beginning. */
export async function* readLog(
  source: LogSource,
  options: LogOptions = {},
): AsyncGenerator<LogLine, void, undefined> {
  const wanted = (line: LogLine) => {
    if (options.since === undefined && options.until === undefined) return true;
    const time = Date.parse(line.time);
    return time >= (options.since ?? -Infinity) && time <= (options.until ?? Infinity);
  };
  const reader = new LogReader(source.path);
  const isLimited = options.tail !== undefined && options.tail >= 0;
  const last: LogLine[] = [];
  for await (const line of reader.more()) {
    if (!wanted(line)) continue;
    if (!isLimited) yield line;
    else {
      last.push(line);
      // Twice the number and then cut, so that a long log is not shifted once a line.
      if (last.length >= 2 * options.tail! + 64) last.splice(0, last.length - options.tail!);
    }
  }
  if (isLimited) yield* last.slice(Math.max(0, last.length - options.tail!));
  if (!options.follow) return;
  for (;;) {
    throwIfAborted(options.signal);
    // Asked before reading: what was written before the end is then surely read.
    const isOpen = source.isOpen();
    let any = false;
    for await (const line of reader.more()) {
      any = true;
      if (wanted(line)) yield line;
    }
    if (!isOpen) return;
    if (!any) await changed(source.path, options.signal);
  }
}

/** Remembers how far a log was read, and which file it was. */
class LogReader {
  readonly #path: string;
  #inode = 0;
  #offset = 0;

  constructor(path: string) {
    this.#path = path;
  }

  async *more(): AsyncGenerator<LogLine, void, undefined> {
    if (!existsSync(this.#path)) return;
    const { ino, size } = statSync(this.#path);
    if (ino !== this.#inode || size < this.#offset) this.#offset = 0;
    this.#inode = ino;
    if (size === this.#offset) return;
    let rest: Buffer = Buffer.alloc(0);
    for await (const chunk of createReadStream(this.#path, { start: this.#offset, end: size - 1 })) {
      const bytes = rest.length > 0 ? Buffer.concat([rest, chunk as Buffer]) : (chunk as Buffer);
      let start = 0;
      for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, start)) {
        const line = parseLogLine(bytes.subarray(start, end));
        this.#offset += end + 1 - start;
        start = end + 1;
        if (line) yield line;
      }
      rest = bytes.subarray(start);
    }
  }
}

/** Resolves when the file may have changed; at the latest after a quarter of a second. */
function changed(path: string, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      watcher?.close();
      signal?.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, 250);
    const folder = path.slice(0, path.lastIndexOf("/"));
    const watcher = existsSync(folder) ? watch(folder, finish) : undefined;
    signal?.addEventListener("abort", finish, { once: true });
  });
}
