import { StrakeError } from "../../../errors/index.ts";
import type { WriteCondition } from "./object-store.ts";

/** A lost race: somebody wrote the key since its etag was read. */
export function objectChanged(key: string): StrakeError {
  return new StrakeError("OBJECT_CHANGED", `${key} was changed by somebody else`);
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

/** A failure of the medium in the registry's words; `cause` keeps what the system said. */
export function storageFault(what: string, cause?: unknown): StrakeError {
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  return new StrakeError("REGISTRY_STORAGE", `${what}${why}`, { cause });
}

export function tooLarge(key: string, size: number, limit: number): StrakeError {
  return storageFault(`${key} has ${size} bytes; at most ${limit} are read at once`);
}
