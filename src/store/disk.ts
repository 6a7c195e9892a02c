import { StrakeError } from "../errors/index.ts";
import { errnoOf, fromNodeError } from "../sys/index.ts";

/** Any failure of writing bytes, as an error of the store: a full disk has a code of its own. */
export function writeError(error: unknown): unknown {
  const name = errnoOf(error);
  if (name === "ENOSPC" || name === "EDQUOT")
    return new StrakeError("STORE_FULL", "the disk under the data root is full", {
      cause: error,
      hint: "free disk space, for example with `strake gc`",
    });
  return fromNodeError(error);
}
