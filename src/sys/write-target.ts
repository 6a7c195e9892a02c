import { StrakeError } from "../errors/index.ts";
import { errnoOf, fromNodeError } from "./errno.ts";

const full = new Set(["ENOSPC", "EDQUOT"]);

/** Does `work`, which writes what the user named; a full disk is told with that name. Errors: SYS_EXHAUSTED, and what `work` throws. */
export async function writingTo<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isOurs = !(error instanceof StrakeError) || error.code.startsWith("SYS_");
    if (!isOurs || !full.has(errnoOf(error) ?? "")) throw error;
    throw new StrakeError("SYS_EXHAUSTED", `${path} cannot be written: its disk is full`, {
      hint: "free space there, or name another place",
      cause: error,
    });
  }
}

const refusals: Readonly<Record<string, string>> = {
  ENOENT: "there is no such folder",
  ENOTDIR: "a part of it is no folder",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
};

/** Does `work`, which opens or makes the folder that is written to. Errors: USAGE where it cannot be. */
export function openingTarget<T>(folder: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const why = refusals[errnoOf(error) ?? ""];
    if (why === undefined) throw fromNodeError(error);
    throw new StrakeError("USAGE", `nothing can be written to ${folder}: ${why}`, { cause: error });
  }
}
