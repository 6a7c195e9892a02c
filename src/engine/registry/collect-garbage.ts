/** Bytes between two collections. */
const stride = 8 << 20;

/**
 * Chunks of a transfer live outside the collector's heap, which hardly grows while they pile up: measured on a pull of 470 MB, 196 MiB
 * at the peak without this and 103 to 119 with it, for 0.1 s.
 */
export function collectGarbage(): (bytes: number) => void {
  let collected = 0;
  return (bytes) => {
    if (bytes - collected < stride && bytes >= collected) return;
    collected = bytes;
    Bun.gc(true);
  };
}
