import { createReadStream, statSync } from "node:fs";
import { resolve } from "node:path";
import { StrakeError, throwIfAborted } from "../../errors/index.ts";
import type { Cli } from "../cli.ts";

/** The bytes of a file, or of stdin for `-` and for no name. Errors: USAGE. */
export function openInput(cli: Cli, name: string | undefined): AsyncIterable<Uint8Array> {
  if (name !== undefined && name !== "-") {
    const path = resolve(cli.cwd, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat) throw new StrakeError("USAGE", `there is no file ${name}`);
    if (stat.isDirectory()) throw new StrakeError("USAGE", `${name} is a folder, not an archive`);
    return interruptible(
      createReadStream(path, { highWaterMark: 256 << 10 }) as AsyncIterable<Uint8Array>,
      cli.signal,
    );
  }
  if (cli.terminal.stdin)
    throw new StrakeError("USAGE", "an archive is not read from a terminal", {
      hint: "name a file, or redirect the input",
    });
  return interruptible(Bun.stdin.stream() as unknown as AsyncIterable<Uint8Array>, cli.signal);
}

/** All of stdin, for what is small. */
export async function readInput(cli: Cli): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of interruptible(
    Bun.stdin.stream() as unknown as AsyncIterable<Uint8Array>,
    cli.signal,
  ))
    chunks.push(chunk.slice());
  return Buffer.concat(chunks);
}

/** Ctrl-C also ends a read that waits for somebody who says nothing. */
async function* interruptible(
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const iterator = source[Symbol.asyncIterator]();
  let interrupt = (_reason: unknown): void => {};
  const onAbort = () => interrupt(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    while (true) {
      throwIfAborted(signal);
      // No race with one promise for all reads: it would keep each of their chunks for as long as it lives.
      const { value, done } = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
        interrupt = reject;
        iterator.next().then(resolve, reject);
      });
      if (done) return;
      yield value;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    // Not waited for: the read that hangs would hold it too.
    Promise.resolve(iterator.return?.()).catch(() => {});
  }
}
