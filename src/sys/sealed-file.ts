import { closeSync, readFileSync } from "node:fs";
import { errnoName } from "./errno.ts";
import { errno } from "./libc.ts";
import { cPath } from "./path.ts";
import { syscall } from "./syscall.ts";
import { writeAll } from "./write-all.ts";

const closeOnExec = 0x1;
const allowSealing = 0x2;
const executable = 0x10;
const addSeals = 1033;
/** SEAL, SHRINK, GROW, WRITE: nobody can change it any more, nor the seals. */
const allSeals = 0xf;

/** A program in memory that nobody can change, not even one that holds it open. What was started by it runs on when it is disposed of. */
export interface SealedProgram extends Disposable {
  /** To start it by, as long as this process lives. */
  readonly path: string;
  /** Copies the program in and seals it. */
  fill(program: string): void;
}

/**
 * Room for a program in memory (memfd_create(2)); undefined where the kernel has none or forbids to run such files. A runtime that
 * finds itself in one needs no copy of its own against being overwritten from inside a container (CVE-2019-5736).
 */
export function sealedProgram(name: string): SealedProgram | undefined {
  const flags = closeOnExec | allowSealing;
  let fd = syscall("memfd_create", cPath(name), flags | executable);
  // Linux before 6.3 does not know the flag, and needs none.
  if (fd < 0 && errnoName(errno()) === "EINVAL") fd = syscall("memfd_create", cPath(name), flags);
  if (fd < 0) return undefined;
  return {
    path: `/proc/${process.pid}/fd/${fd}`,
    fill(program) {
      writeAll(fd, readFileSync(program));
      // Where that fails the runtime makes its own copy, as it always does.
      syscall("fcntl", fd, addSeals, allSeals);
    },
    [Symbol.dispose]: () => closeSync(fd),
  };
}
