import { StrakeError } from "../errors/index.ts";
import { signalNumber } from "../oci/index.ts";

/** The number of a signal, as `signalNumber` reads it. Throws `DOCKERFILE_SYNTAX`. */
export function parseSignal(text: string): number {
  const number = signalNumber(text);
  if (number === undefined)
    throw new StrakeError("DOCKERFILE_SYNTAX", `invalid signal: ${text}`, {
      hint: "name a signal such as SIGTERM, or give its number",
    });
  return number;
}
