/** Bytes of all uploads between two collections. */
const stride = 16 << 20;
let since = 0;

/**
 * Says that so many bytes of a body were taken. Chunks of bodies live outside the collector's heap, which hardly grows while those of many
 * uploads pile up.
 */
export function collectGarbage(bytes: number): void {
  since += bytes;
  if (since < stride) return;
  since = 0;
  Bun.gc(true);
}
