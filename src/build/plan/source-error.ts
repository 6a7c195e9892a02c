import { type ErrorCode, type SourceRange, StrakeError, toStrakeError } from "../../errors/index.ts";

/** Where an instruction stands and the text it stands in. */
export interface Place {
  readonly range: SourceRange;
  readonly text: string;
}

/** An error with the excerpt of the instruction to blame. */
export function errorAt(place: Place, code: ErrorCode, message: string, hint?: string): StrakeError {
  return new StrakeError(code, message, { hint, sources: [{ ...place.range, text: place.text }] });
}

/** Any thrown value as an error that names the instruction, unless it already names one. */
export function locate(thrown: unknown, place: Place): StrakeError {
  const error = toStrakeError(thrown);
  if (error.sources.length > 0 || error.code === "CANCELED") return error;
  // A program that does not exist is 127 for `run`; a build that failed is 1, as with docker, whatever failed in it.
  return error.with({ sources: [{ ...place.range, text: place.text }], exitCode: 1 });
}
