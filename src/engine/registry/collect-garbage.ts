/** Bytes between two collections. */
const stride = 8 << 20;

/**
 * Chunks of a transfer live outside the collector's heap, which hardly grows while they pile up: measured on a push of 400 MB that is packed
 * on its way, 152 to 161 MiB at the peak without this and 99 to 103 with it, for 0.3 s of processor time.
 */
export function collectGarbage(): (bytes: number) => void {
  let collected = 0;
  return (bytes) => {
    if (bytes - collected < stride) return;
    collected = bytes;
    Bun.gc(true);
  };
}
