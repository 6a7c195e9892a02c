import { writeSync } from "node:fs";
import { windowSize } from "../../sys/index.ts";
import type { Attachment, OutputStream } from "./attach.ts";
import { DetachKeys } from "./detach-keys.ts";
import { resizeTerminal } from "./resize.ts";

export interface Interaction {
  readonly attachment: Attachment;
  /** Hand our stdin over. */
  readonly openStdin: boolean;
  /** The container has a terminal; the size of ours, if stdin is one, is passed on. The caller has made it raw (`enterRawMode`). */
  readonly terminal: boolean;
  /** conmon's pipe for the window size. */
  readonly winsizePath: string;
  /** `ctrl-p,ctrl-q` when absent; "" for none. */
  readonly detachKeys?: string;
}

/**
 * Connects the terminal or pipes of this process with a container until its output ends or the user detaches. True when the user
 * detached.
 */
export async function interact(options: Interaction): Promise<boolean> {
  const { attachment } = options;
  const isTerminal = options.terminal && windowSize(0) !== undefined;
  const resize = () => {
    const size = windowSize(0);
    if (size) resizeTerminal(options.winsizePath, size);
  };
  if (isTerminal) {
    resize();
    process.on("SIGWINCH", resize);
  }
  let detached = false;
  const input = options.openStdin ? openInput() : undefined;
  if (input)
    void pump(
      input,
      attachment,
      new DetachKeys(isTerminal ? (options.detachKeys ?? "ctrl-p,ctrl-q") : ""),
    ).then((left) => {
      detached = left;
    });
  try {
    await attachment.closed;
    return detached;
  } finally {
    process.off("SIGWINCH", resize);
    await input?.cancel().catch(() => {});
  }
}

type Input = ReadableStreamDefaultReader<Uint8Array>;

function openInput(): Input {
  return Bun.stdin.stream().getReader() as Input;
}

/** Hands stdin on until it ends, the container is over, or the detach keys come; true for these. */
async function pump(input: Input, attachment: Attachment, keys: DetachKeys): Promise<boolean> {
  for (;;) {
    const next = await input.read().catch(() => ({ done: true, value: undefined }) as const);
    if (next.done || next.value === undefined) {
      attachment.closeInput();
      return false;
    }
    const { data, detach } = keys.filter(next.value);
    if (data.length > 0) await attachment.write(data);
    if (detach) {
      attachment.detach();
      return true;
    }
  }
}

const descriptors = { stdout: 1, stderr: 2 } as const;

/**
 * Writes output of a container to our own stdout or stderr. Straight to the descriptor, because process.stdout takes milliseconds to
 * load; where it would block (a slow reader of a pipe) it waits, and so holds the container back.
 */
export function writeToOwnOutput(stream: OutputStream, data: Uint8Array): void | Promise<void> {
  const done = writeSome(descriptors[stream], data);
  if (done < data.length) return writeRest(descriptors[stream], data.subarray(done));
}

async function writeRest(fd: number, data: Uint8Array): Promise<void> {
  for (let rest = data, wait = 1; rest.length > 0; wait = Math.min(wait * 2, 20)) {
    await Bun.sleep(wait);
    const done = writeSome(fd, rest);
    if (done > 0) wait = 1;
    rest = rest.subarray(done);
  }
}

function writeSome(fd: number, data: Uint8Array): number {
  let done = 0;
  try {
    while (done < data.length) done += writeSync(fd, data, done);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Nobody reads any more: the container goes on, its log has everything.
    if (code === "EPIPE") return data.length;
    if (code !== "EAGAIN") throw error;
  }
  return done;
}
