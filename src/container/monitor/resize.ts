import { closeSync, constants, openSync, writeSync } from "node:fs";

/**
 * Tells conmon the size of the terminal through its `winsz` pipe, which takes `rows columns` as text. Without effect when the
 * container is over.
 */
export function resizeTerminal(
  path: string,
  size: { readonly rows: number; readonly columns: number },
): void {
  let fd: number;
  try {
    fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return;
  }
  try {
    writeSync(fd, `${size.rows} ${size.columns}\n`);
  } catch (error) {
    // It ended between the two calls.
    if ((error as NodeJS.ErrnoException).code !== "EPIPE") throw error;
  } finally {
    closeSync(fd);
  }
}
