import { closeSync, constants, openSync } from "node:fs";
import { basename, dirname } from "node:path";

/** sun_path holds 108 bytes. */
const addressLimit = 100;

/**
 * A path by which a socket can be bound or reached, however long its own path is: through the open folder in /proc. To be
 * used before the returned value is disposed of.
 */
export function socketAddress(path: string): Disposable & { readonly path: string } {
  if (Buffer.byteLength(path) <= addressLimit) return { path, [Symbol.dispose]: () => {} };
  const folder = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  return { path: `/proc/self/fd/${folder}/${basename(path)}`, [Symbol.dispose]: () => closeSync(folder) };
}
