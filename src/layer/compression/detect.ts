/** How a stream of bytes is packed. `none`: nothing known, so presumably a plain tar. */
export type CompressionFormat = "none" | "gzip" | "zstd" | "xz" | "bzip2";

/** Bytes `detectCompression` looks at. */
export const detectLength = 6;

/** Tells the format by its magic number; a name or media type says nothing about what bytes are. */
export function detectCompression(start: Uint8Array): CompressionFormat {
  const is = (...magic: number[]) =>
    start.length >= magic.length && magic.every((byte, i) => start[i] === byte);
  if (is(0x1f, 0x8b, 0x08)) return "gzip";
  if (is(0x28, 0xb5, 0x2f, 0xfd)) return "zstd";
  // A skippable zstd frame (RFC 8878, 3.1.2): zstd:chunked and pzstd start with one.
  if (
    start.length >= 4 &&
    (start[0]! & 0xf0) === 0x50 &&
    start[1] === 0x2a &&
    start[2] === 0x4d &&
    start[3] === 0x18
  )
    return "zstd";
  if (is(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00)) return "xz";
  // "BZh", level 1 to 9, then the first byte of a block's or of the end's magic.
  if (
    is(0x42, 0x5a, 0x68) &&
    start[3]! >= 0x31 &&
    start[3]! <= 0x39 &&
    (start[4] === 0x31 || start[4] === 0x17)
  )
    return "bzip2";
  return "none";
}
