import { fstatSync } from "node:fs";
import { ChildPipe, windowSize } from "../../sys/index.ts";
import type { OutputStream } from "../monitor/attach.ts";
import { toolEnvironment } from "../runtime/command.ts";
import { isRuntimeComplaint } from "../runtime/failure.ts";

export interface ExecStreams {
  /** Input and output are those of this process. */
  readonly ours: boolean;
  readonly terminal: boolean;
  /** The runtime has the container's terminal end lines with LF alone, at some moment after the start, and leaves CR to ours (runc). */
  readonly bareLines: boolean;
  /** With `ours`: false gives the process an empty stdin. */
  readonly openStdin: boolean;
  readonly stdin: ReadableStream<Uint8Array> | Uint8Array | undefined;
  /** Output goes nowhere. */
  readonly discard: boolean;
  readonly consume: (stream: OutputStream, data: Uint8Array) => void | Promise<void>;
  readonly signal: AbortSignal | undefined;
}

export interface ExecOutcome {
  readonly status: number;
  /** One line that was all the output and reads like the runtime's own; the caller finds out whose it was. */
  readonly complaint: { readonly stream: OutputStream; readonly data: Uint8Array } | undefined;
}

/** How long a silent pipe is listened to after the process has ended, in milliseconds: something it left behind may hold it open. */
const patience = 100;

/** How long a terminal of an ended process has to be silent to be empty, in milliseconds. */
const drainTime = 10;

/**
 * Runs the `exec` of a runtime. A terminal of ours is never handed to the process, for which a pipe does: it could read from it what is typed long
 * after (its own one, with `terminal`, is between).
 */
export async function spawnExec(command: readonly string[], streams: ExecStreams): Promise<ExecOutcome> {
  const { ours, openStdin, consume } = streams;
  // The runtime passes our terminal through to the new one; without our input it has none, and we are between.
  if (streams.terminal && !(ours && openStdin)) return await onNewTerminal(command, streams);
  // Where both go to the same place they keep their order only in one pipe.
  const merged = ours && !streams.terminal && isSame(1, 2);
  const direct = ours && (streams.terminal || (!merged && isFileOrPipe(1)));
  const typed = ours && openStdin && !streams.terminal && !isFileOrPipe(0);
  using stdin = typed ? new ChildPipe("input") : undefined;
  using stdout = direct || streams.discard ? undefined : new ChildPipe("output");
  using stderr = merged || streams.discard ? undefined : new ChildPipe("output");
  const child = Bun.spawn([...command], {
    env: toolEnvironment(),
    cwd: "/",
    stdin: stdin?.childEnd ?? stdinOf(streams),
    // A detached process keeps what it is given; a pipe would keep us waiting for its end.
    stdout: stdout?.childEnd ?? (streams.discard ? "ignore" : "inherit"),
    stderr: (stderr ?? stdout)?.childEnd ?? "ignore",
  } as Parameters<typeof Bun.spawn>[1]);
  for (const pipe of [stdin, stdout, stderr]) pipe?.passed();
  if (stdin) void handOn(stdin, child.exited);
  const abort = () => child.kill("SIGKILL");
  streams.signal?.addEventListener("abort", abort, { once: true });
  const output = new Output(consume);
  const [status] = await Promise.all([
    child.exited,
    read(stdout, child.exited, (data) => output.deliver("stdout", data, merged)),
    read(stderr, child.exited, (data) => output.deliver("stderr", data, true)),
  ]);
  streams.signal?.removeEventListener("abort", abort);
  return { status, complaint: output.complaint };
}

/** Hands output on, and holds back a first piece that may be the runtime's own line: it is one if nothing follows. */
class Output {
  complaint: ExecOutcome["complaint"];
  readonly #consume: ExecStreams["consume"];
  #isFirst = true;

  constructor(consume: ExecStreams["consume"]) {
    this.#consume = consume;
  }

  /** `mayComplain`: this is where the runtime would say it. */
  async deliver(stream: OutputStream, data: Uint8Array, mayComplain: boolean): Promise<void> {
    const held = this.complaint;
    this.complaint = undefined;
    const isFirst = this.#isFirst && mayComplain;
    if (isFirst) this.#isFirst = false;
    if (held) await this.#consume(held.stream, held.data);
    else if (isFirst && isRuntimeComplaint(Buffer.from(data).toString())) this.complaint = { stream, data };
    if (this.complaint === undefined) await this.#consume(stream, data);
  }
}

function stdinOf({ ours, openStdin, stdin }: ExecStreams): unknown {
  if (!ours) return stdin ?? "ignore";
  return openStdin ? "inherit" : "ignore";
}

/** Our stdin, as it comes, until it or the process ends. */
async function handOn(input: ChildPipe, exited: Promise<unknown>): Promise<void> {
  const reader = Bun.stdin.stream().getReader() as ReadableStreamDefaultReader<Uint8Array>;
  void exited.then(() => reader.cancel().catch(() => {}));
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      await input.write(value);
    }
  } catch {
    // The process reads no more.
  } finally {
    input[Symbol.dispose]();
  }
}

/** What may be handed to a process of the container; neither terminals nor sockets are. */
function isFileOrPipe(fd: number): boolean {
  const stat = fstatSync(fd);
  return stat.isFile() || stat.isFIFO();
}

function isSame(a: number, b: number): boolean {
  const [one, other] = [fstatSync(a), fstatSync(b)];
  return one.dev === other.dev && one.ino === other.ino && one.rdev === other.rdev;
}

async function read(
  pipe: ChildPipe | undefined,
  exited: Promise<unknown>,
  deliver: (data: Uint8Array) => void | Promise<void>,
): Promise<void> {
  if (pipe === undefined) return;
  const reader = pipe.stream().getReader();
  let waitingSince: number | undefined;
  let watch: ReturnType<typeof setInterval> | undefined;
  let isOver = false;
  void exited.then(() => {
    if (isOver) return;
    const exitedAt = Date.now();
    watch = setInterval(() => {
      if (waitingSince !== undefined && Date.now() - Math.max(waitingSince, exitedAt) > patience)
        void reader.cancel();
    }, patience / 4);
  });
  try {
    for (;;) {
      waitingSince = Date.now();
      const { done, value } = await reader.read();
      waitingSince = undefined;
      if (done) return;
      await deliver(value);
    }
  } finally {
    isOver = true;
    clearInterval(watch);
  }
}

/** Of a terminal that a process is to get: as ours (`ours`: with whose output it is), or the usual one. */
export function terminalSize(ours: boolean): { readonly columns: number; readonly rows: number } {
  const own = ours ? windowSize(1) : undefined;
  // A terminal that nobody looks at may have no size.
  return own && own.columns > 0 && own.rows > 0 ? own : { columns: 80, rows: 24 };
}

const ends = (text: string) => text.replace(/(?<!\r)\n/g, "\r\n");

/** What comes out of the terminal is stdout. */
async function onNewTerminal(command: readonly string[], streams: ExecStreams): Promise<ExecOutcome> {
  const { ours, consume, signal } = streams;
  let last = 0;
  const withEnds = (data: Uint8Array): Uint8Array => {
    if (!streams.bareLines) return data;
    const text = Buffer.from(data).toString("latin1");
    const isCut = last === 13 && text.startsWith("\n");
    last = data.at(-1) ?? last;
    return Buffer.from(isCut ? `\n${ends(text.slice(1))}` : ends(text), "latin1");
  };
  const size = terminalSize(ours);
  const output = new Output(consume);
  let delivering = Promise.resolve();
  let pieces = 0;
  const terminal = new Bun.Terminal({
    cols: size.columns,
    rows: size.rows,
    data: (_, data) => {
      pieces++;
      const copy = withEnds(data.slice());
      delivering = delivering.then(() => output.deliver("stdout", copy, true));
    },
  });
  // The runtime copies to it what comes out of the container's terminal: a second one must not end the lines once more. Before the runtime
  // starts, which puts the terminal back at its end as it found it.
  terminal.setRawMode(true);
  terminal.outputFlags = 0;
  const child = Bun.spawn([...command], { env: toolEnvironment(), cwd: "/", terminal });
  const abort = () => child.kill("SIGKILL");
  signal?.addEventListener("abort", abort, { once: true });
  const status = await child.exited;
  // All is in the terminal by now; we hold its other end ourselves, so that no end of file tells when all is read.
  for (let before = -1; before !== pieces; ) {
    before = pieces;
    await Bun.sleep(drainTime);
    await Bun.sleep(0);
  }
  await delivering;
  terminal.close();
  signal?.removeEventListener("abort", abort);
  return { status, complaint: output.complaint };
}
