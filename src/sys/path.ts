import { StrakeError } from "../errors/index.ts";
import { encodePath } from "../tar/index.ts";

/**
 * A path as the kernel takes it: its bytes (lone surrogates U+DC80..U+DCFF become the bytes they stand for) and a NUL.
 * A path that holds a NUL would silently name another file, so it is refused.
 */
export function cPath(path: string): Uint8Array {
  if (path.includes("\0"))
    throw new StrakeError("SYS_INVALID", `a path cannot contain a NUL character: ${JSON.stringify(path)}`);
  if (path.isWellFormed()) return Buffer.from(`${path}\0`);
  return Buffer.concat([encodePath(path), Buffer.alloc(1)]);
}

/** A path for node:fs, which takes bytes where a string would lose those that are not UTF-8. */
export function nodePath(path: string): string | Buffer {
  return path.isWellFormed() ? path : Buffer.from(encodePath(path));
}
