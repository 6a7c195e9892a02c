/** So many random bytes as hexadecimal digits. From the web's crypto: loading node:crypto takes 3 ms. */
export function randomHex(bytes: number): string {
  return crypto.getRandomValues(new Uint8Array(bytes)).toHex();
}

/** A whole number from `low` up to, not including, `high`; not for secrets. */
export function randomBetween(low: number, high: number): number {
  return low + (crypto.getRandomValues(new Uint32Array(1))[0]! % (high - low));
}
