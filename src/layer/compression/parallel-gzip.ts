import type { ZlibOptions } from "node:zlib";
import { zlib } from "./zlib.ts";

/** What one thread packs at a time. Part of the result: another size gives other bytes. */
const blockSize = 256 << 10;
/** How far deflate looks back (RFC 1951): the end of a block is the dictionary of the next, so cutting costs next to nothing. */
const windowSize = 32 << 10;
/** Blocks under way. Node's pool has four threads; more would only fill memory. */
const ahead = 6;

/** RFC 1952: deflate, no name, no time, "unknown" system. */
const header = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff);

/**
 * gzip on all cores, in one member, as pigz does: blocks end on a byte (sync flush), so that deflate streams made apart
 * are one stream when put together. The same bytes for the same input and level.
 */
export async function* parallelGzip(
  source: AsyncIterable<Uint8Array>,
  level: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield header;
  let checksum = 0;
  let length = 0;
  let before: Uint8Array | undefined;
  const packing: Promise<Uint8Array>[] = [];
  const { crc32 } = zlib();
  try {
    for await (const block of blocks(source)) {
      checksum = crc32(block, checksum);
      length += block.length;
      packing.push(pack(block, { level, before, last: false }));
      before = block.subarray(Math.max(0, block.length - windowSize));
      if (packing.length >= ahead) yield await packing.shift()!;
    }
    packing.push(pack(new Uint8Array(0), { level, before, last: true }));
    while (packing.length > 0) yield await packing.shift()!;
  } finally {
    // Whoever walks away leaves no failure behind that nobody hears of.
    for (const rest of packing) rest.catch(() => {});
  }
  const trailer = new DataView(new ArrayBuffer(8));
  trailer.setUint32(0, checksum, true);
  trailer.setUint32(4, length % 2 ** 32, true);
  yield new Uint8Array(trailer.buffer);
}

interface Place {
  readonly level: number;
  readonly before: Uint8Array | undefined;
  readonly last: boolean;
}

function pack(block: Uint8Array, { level, before, last }: Place): Promise<Uint8Array> {
  const { constants, deflateRaw } = zlib();
  const options: ZlibOptions = {
    level,
    memLevel: 9,
    chunkSize: 256 << 10,
    finishFlush: last ? constants.Z_FINISH : constants.Z_SYNC_FLUSH,
    ...(before === undefined ? {} : { dictionary: before }),
  };
  return new Promise((resolve, reject) => {
    deflateRaw(block, options, (error, packed) => (error ? reject(error) : resolve(packed)));
  });
}

/** The stream in pieces of `blockSize`, the last one shorter. Each is its own memory: other threads read it. */
async function* blocks(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let block = new Uint8Array(blockSize);
  let filled = 0;
  for await (const chunk of source)
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + blockSize - filled);
      block.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled < blockSize) continue;
      yield block;
      block = new Uint8Array(blockSize);
      filled = 0;
    }
  if (filled > 0) yield block.subarray(0, filled);
}
