let made: Uint32Array | undefined;

/** The checksums of all bytes: of those with one bit by the polynomial, of the others from two that are known. */
function makeTable(): Uint32Array {
  const table = new Uint32Array(256);
  for (let bit = 128, crc = 1; bit > 0; bit >>= 1) {
    crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    for (let i = 0; i < 256; i += 2 * bit) table[i + bit] = crc ^ table[i]!;
  }
  return table;
}

/** CRC-32C (Castagnoli) as the kernel's `crc32c(~0, ...)`: seeded with ones and not inverted at the end. */
export function crc32c(bytes: Uint8Array): number {
  made ??= makeTable();
  const table = made;
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) crc = table[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8);
  return crc >>> 0;
}
