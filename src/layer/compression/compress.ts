import { parallelGzip } from "./parallel-gzip.ts";
import { through } from "./through.ts";
import { zlib } from "./zlib.ts";

export interface CompressOptions {
  /** gzip 0 to 9 (default 1, docs/decisions/0052-registry-client.md), zstd 1 to 22 (default 3). */
  readonly level?: number;
}

const chunkSize = 256 * 1024;

/**
 * The packed bytes of a stream. The same input, level and version of Bun give the same bytes, however the input is
 * cut: zlib's gzip header has no name and time 0, and both compressors are fed pieces of one size, as what they find
 * depends on how much they see at once.
 */
export function compress(
  source: AsyncIterable<Uint8Array>,
  kind: "gzip" | "zstd",
  options: CompressOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  if (kind === "gzip") return parallelGzip(source, options.level ?? 1);
  const { constants, createZstdCompress } = zlib();
  const params = {
    [constants.ZSTD_c_compressionLevel]: options.level ?? 3,
    [constants.ZSTD_c_checksumFlag]: 1,
  };
  return through(evenly(source), createZstdCompress({ chunkSize, params }));
}

/** The same bytes in pieces of `chunkSize`, the last one shorter. Each piece is its own memory: the compressor works on it elsewhere. */
async function* evenly(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let piece = new Uint8Array(chunkSize);
  let filled = 0;
  for await (const chunk of source)
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + chunkSize - filled);
      piece.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled < chunkSize) continue;
      yield piece;
      piece = new Uint8Array(chunkSize);
      filled = 0;
    }
  if (filled > 0) yield piece.subarray(0, filled);
}
