import { StrakeError } from "../errors/index.ts";
import { skipSpace } from "./characters.ts";

/**
 * The strings of a JSON-form argument list. Undefined when the text is not a JSON array: then it is a shell form, as in
 * `RUN [ -f /x ] && y`. Throws `DOCKERFILE_SYNTAX` for an array that holds something other than strings.
 */
export function parseJsonForm(text: string): string[] | undefined {
  if (text[skipSpace(text, 0)] !== "[") return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(value)) return undefined;
  if (!value.every((item) => typeof item === "string"))
    throw new StrakeError(
      "DOCKERFILE_SYNTAX",
      "when using JSON array syntax, arrays must be comprised of strings only",
    );
  return value;
}
