import { constants, createGzip, createZstdCompress } from "node:zlib";
import { through } from "./through.ts";

export interface CompressOptions {
  /** gzip 0 to 9 (default 6), zstd 1 to 22 (default 3). */
  readonly level?: number;
}

const chunkSize = 256 * 1024;

/**
 * The packed bytes of a stream. The same input, level and version of Bun give the same bytes: zlib's gzip header has
 * no name and time 0.
 */
export function compress(
  source: AsyncIterable<Uint8Array>,
  kind: "gzip" | "zstd",
  options: CompressOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  if (kind === "gzip")
    return through(source, createGzip({ level: options.level ?? 6, memLevel: 9, chunkSize }));
  const params = {
    [constants.ZSTD_c_compressionLevel]: options.level ?? 3,
    [constants.ZSTD_c_checksumFlag]: 1,
  };
  return through(source, createZstdCompress({ chunkSize, params }));
}
