import { availableParallelism } from "node:os";
import { GzipWorkers } from "./gzip-workers.ts";

/** What one thread packs at a time. Part of the result: another size gives other bytes. */
const blockSize = 1 << 20;
/** What gzip adds at most to bytes that do not become smaller. */
const overhead = 4096;

const threads = Math.min(availableParallelism(), 8);
const workers = new GzipWorkers(threads);

/**
 * gzip on all cores: each MiB becomes a member of its own (RFC 1952, 2.2), which every client reads as one stream. The same
 * bytes for the same input and level, however many cores there are.
 */
export async function* parallelGzip(
  source: AsyncIterable<Uint8Array>,
  level: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  // One more than threads: while they pack, the next block is read.
  const memory = Array.from({ length: threads + 1 }, () => new SharedArrayBuffer(0));
  const packing: { readonly packed: Promise<number>; readonly at: SharedArrayBuffer }[] = [];
  let filled = 0;
  let current: Uint8Array | undefined;
  const oldest = async (): Promise<Uint8Array> => {
    const { packed, at } = packing.shift()!;
    const length = await packed;
    memory.push(at);
    // A copy: the network and the disk may still be at it when the memory is used again.
    return Buffer.from(new Uint8Array(at, 0, length));
  };
  const start = () => {
    const at = current!.buffer as SharedArrayBuffer;
    const packed = workers.pack(at, filled, level);
    // Whoever walks away leaves no failure behind that nobody hears of.
    packed.catch(() => {});
    packing.push({ packed, at });
    current = undefined;
    filled = 0;
  };
  workers.enter();
  try {
    for await (const chunk of source)
      for (let at = 0; at < chunk.byteLength; ) {
        if (current === undefined) {
          if (memory.length === 0) yield await oldest();
          const free = memory.pop()!;
          current = new Uint8Array(free.byteLength > 0 ? free : new SharedArrayBuffer(blockSize + overhead));
        }
        const part = chunk.subarray(at, at + blockSize - filled);
        current.set(part, filled);
        filled += part.byteLength;
        at += part.byteLength;
        if (filled === blockSize) start();
      }
    if (packing.length === 0) {
      // Less than a block came: too little to start a thread for.
      const all = new Uint8Array(current?.subarray(0, filled) ?? []);
      yield Bun.gzipSync(all, { level: level as 1, library: "libdeflate" });
      return;
    }
    if (current !== undefined) start();
    while (packing.length > 0) yield await oldest();
  } finally {
    workers.leave();
  }
}
