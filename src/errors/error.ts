import { type ErrorClass, type ErrorCode, errorClasses, errorCodes } from "./codes.ts";

/** A stretch of a text file that an error is about. Lines are 1-based, columns 0-based UTF-16 units. */
export interface SourceRange {
  /** Name of the file as the user knows it, for example `Dockerfile`. */
  readonly file?: string;
  readonly startLine: number;
  readonly endLine: number;
  readonly startColumn?: number;
  readonly endColumn?: number;
}

/** A range together with the text it points into, so that a renderer can print an excerpt without I/O. */
export interface SourceExcerpt extends SourceRange {
  /** The whole text of the file, or of the part that starts at `firstLine`. */
  readonly text: string;
  /** Line number of the first line of `text`; 1 when absent. */
  readonly firstLine?: number;
}

export interface StrakeErrorOptions {
  /** What the user can do about it, one sentence. */
  readonly hint?: string;
  readonly sources?: readonly SourceExcerpt[];
  readonly cause?: unknown;
  /** Exit code for the command line when it differs from the class's (a failed RUN, a container's own code). */
  readonly exitCode?: number;
}

/**
 * The one error class of the project (DESIGN.md 7). `code` is stable and listed in `codes.ts`; `class` follows
 * from it. `message` says what is wrong in the user's words and never contains a secret.
 */
export class StrakeError extends Error {
  static {
    // What bundling makes of a class's name is what node would print.
    Object.defineProperty(StrakeError, "name", { value: "StrakeError" });
  }

  override readonly name = "StrakeError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly sources: readonly SourceExcerpt[];
  readonly exitCode: number;

  constructor(code: ErrorCode, message: string, options: StrakeErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.sources = options.sources ?? [];
    this.exitCode = options.exitCode ?? errorClasses[this.class].exit;
  }

  get class(): ErrorClass {
    return errorCodes[this.code][0];
  }

  get httpStatus(): number {
    return errorClasses[this.class].http;
  }

  /** The same error with more source ranges or a hint, for callers that know where it happened. */
  with(options: StrakeErrorOptions): StrakeError {
    return new StrakeError(this.code, this.message, {
      hint: options.hint ?? this.hint,
      sources: options.sources ?? this.sources,
      cause: options.cause ?? this.cause,
      exitCode: options.exitCode ?? this.exitCode,
    });
  }
}

/** Throws `CANCELED` when the signal is aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new StrakeError("CANCELED", "canceled", { cause: signal.reason });
}

/** Whether it is the way that failed, and neither the bytes nor the place they were written to: what came before it is worth keeping. */
export function isInterruption(error: unknown): boolean {
  if (!(error instanceof StrakeError)) return false;
  // What is stopped because something beside it found the disk full must not stay there either.
  if (error.class === "canceled")
    return !(error.cause instanceof StrakeError && error.cause.class === "exhausted");
  return error.class === "unavailable" || error.code === "REGISTRY_TRUNCATED";
}

/** Any thrown value as a StrakeError; what is not one becomes `INTERNAL` with the original as its cause. */
export function toStrakeError(thrown: unknown): StrakeError {
  if (thrown instanceof StrakeError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (thrown instanceof Error && thrown.name === "AbortError")
    return new StrakeError("CANCELED", "canceled", { cause: thrown });
  return new StrakeError("INTERNAL", message, { cause: thrown });
}
