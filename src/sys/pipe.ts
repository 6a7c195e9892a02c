import { sysError } from "./errno.ts";
import { errno } from "./libc.ts";
import { syscall } from "./syscall.ts";

const closeOnExec = 0o2000000;

/** A pipe (pipe2(2)). Both descriptors are the caller's to close; programs that are started do not get them. */
export function openPipe(): { readonly readEnd: number; readonly writeEnd: number } {
  const ends = new Int32Array(2);
  if (syscall("pipe2", new Uint8Array(ends.buffer), closeOnExec) !== 0)
    throw sysError(errno(), { call: "pipe2" });
  return { readEnd: ends[0]!, writeEnd: ends[1]! };
}
