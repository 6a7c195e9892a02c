import { StrakeError } from "../../errors/index.ts";
import { signalNumber } from "../../oci/index.ts";

/** The number of `SIGTERM`, `term`, `15`, `RTMIN+3`. Errors: CONTAINER_OPTIONS_INVALID. */
export function parseSignal(text: string): number {
  const number = signalNumber(text);
  if (number !== undefined) return number;
  throw new StrakeError("CONTAINER_OPTIONS_INVALID", `"${text}" is not a signal`, {
    hint: "Use a name such as SIGTERM or TERM, or a number from 1 to 64.",
  });
}
