import { StrakeError } from "../../../errors/index.ts";
import { errnoOf } from "../../../sys/index.ts";
import type { WriteCondition } from "./object-store.ts";

/** A lost race: somebody wrote the key since its etag was read. */
export function objectChanged(key: string): StrakeError {
  return new StrakeError("OBJECT_CHANGED", `${key} was changed by somebody else`);
}

/** False when the change lost a race, which the storage says with OBJECT_CHANGED. */
export async function whileUnchanged(change: () => Promise<unknown>): Promise<boolean> {
  try {
    await change();
    return true;
  } catch (error) {
    if (error instanceof StrakeError && error.code === "OBJECT_CHANGED") return false;
    throw error;
  }
}

/** An upload whose bytes were removed, by its end or by its abortion: whoever sends it begins again. */
export function uploadGone(id: string): StrakeError {
  return new StrakeError("UPLOAD_GONE", `the upload ${id} is gone`);
}

/** Throws OBJECT_CHANGED unless the object with this etag (undefined: none) may be written over. */
export function checkCondition(
  key: string,
  etag: string | undefined,
  condition: WriteCondition | undefined,
): void {
  if (condition?.ifNoneMatch !== undefined && etag !== undefined) throw objectChanged(key);
  if (condition?.ifMatch !== undefined && etag !== condition.ifMatch) throw objectChanged(key);
}

/** What says that there is no room: errno of a file system, codes of S3 servers. */
const full = /^(?:ENOSPC|EDQUOT|XMinioStorageFull|QuotaExceeded)$/;

/** A failure of the medium in the registry's words; `cause` keeps what the system said. REGISTRY_STORAGE or REGISTRY_FULL. */
export function storageFault(what: string, cause?: unknown): StrakeError {
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  const said = errnoOf(cause) ?? (cause as { code?: unknown } | undefined)?.code;
  const code = typeof said === "string" && full.test(said) ? "REGISTRY_FULL" : "REGISTRY_STORAGE";
  return new StrakeError(code, `${what}${why}`, { cause });
}

/** Whether it is the medium that failed, or has no room: what is there may still be read. */
export function isStorageFault(error: unknown): boolean {
  return error instanceof StrakeError && /^REGISTRY_(?:FULL|STORAGE)$/.test(error.code);
}

export function tooLarge(key: string, size: number, limit: number): StrakeError {
  return storageFault(`${key} has ${size} bytes; at most ${limit} are read at once`);
}
