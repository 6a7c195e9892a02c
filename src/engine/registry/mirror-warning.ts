import type { StrakeError } from "../../errors/index.ts";
import type { Emit } from "../../events/index.ts";

/** Tells of a mirror that failed, and that the next place is asked. */
export function warnOfMirror(emit: Emit): (host: string, error: StrakeError) => void {
  return (host, { code, message }) =>
    emit({ type: "warning", code, message: `mirror ${host}: ${message}`, at: Date.now() });
}
