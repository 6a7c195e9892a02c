import { libc } from "./libc.ts";

/**
 * _exit(2): ends this process as it is. Nothing that was registered for its end runs and nothing is flushed or closed, where `process.exit` takes the
 * runtime apart and closes every database.
 */
export function exitAtOnce(code: number): never {
  try {
    libc()._exit(code);
  } catch {
    // Where libc cannot be called the runtime ends the process its own way.
  }
  return process.exit(code);
}
