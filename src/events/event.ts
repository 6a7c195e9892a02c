import type { SourceRange, StrakeError } from "../errors/index.ts";

/**
 * The one stream of typed records that every long operation emits (DESIGN.md 6). Renderers, the JSON form and the
 * Docker API's messages are pure functions of it. `at` is milliseconds since the epoch.
 */
export type StrakeEvent =
  | StepStarted
  | StepProgress
  | StepLog
  | StepDone
  | TransferDone
  | Warning
  | ImageNamed;

/** A unit of work begins: a build step, a layer being pulled or loaded, an export. */
export interface StepStarted {
  readonly type: "step.started";
  /** Unique within the operation. */
  readonly step: string;
  /** What a person reads, for example `[build 2/5] RUN make`. */
  readonly name: string;
  readonly kind: "build" | "context" | "layer" | "transfer" | "export" | "image" | "bootstrap";
  /** Bytes it is about, where they are known. */
  readonly total?: number;
  readonly at: number;
  readonly source?: SourceRange;
}

export interface StepProgress {
  readonly type: "step.progress";
  readonly step: string;
  readonly unit: "bytes" | "files";
  readonly current: number;
  readonly total?: number;
  /** Of the last seconds. */
  readonly bytesPerSecond?: number;
  readonly at: number;
}

export interface StepLog {
  readonly type: "step.log";
  readonly step: string;
  readonly stream: "stdout" | "stderr";
  readonly data: Uint8Array;
  readonly at: number;
}

export interface StepDone {
  readonly type: "step.done";
  readonly step: string;
  /** `cached`: an earlier result was reused; `skipped`: the result is not needed. */
  readonly outcome: "done" | "cached" | "skipped" | "failed" | "canceled";
  /** Why a transfer was `cached`. */
  readonly reason?: SkipReason;
  /** Bytes that were moved or packed; with a `reason` those that needed not be. */
  readonly bytes?: number;
  /** Of the whole step. */
  readonly bytesPerSecond?: number;
  readonly error?: StrakeError;
  readonly at: number;
}

/** Why bytes need not be moved: this machine or the target has them, or the registry gave them to one repository from another. */
export type SkipReason = "already here" | "already there" | `mounted from ${string}`;

/** What became of a pull, push, copy or fetch as a whole: the sum of its steps of the kind `transfer`. */
export interface TransferDone {
  readonly type: "transfer.done";
  readonly verb: "pull" | "push" | "copy" | "fetch";
  readonly moved: BlobSum;
  readonly skipped: readonly (BlobSum & { readonly reason: SkipReason })[];
  readonly ms: number;
  readonly bytesPerSecond: number;
  readonly at: number;
}

export interface BlobSum {
  readonly blobs: number;
  readonly bytes: number;
}

export interface Warning {
  readonly type: "warning";
  readonly code: string;
  readonly message: string;
  readonly source?: SourceRange;
  readonly at: number;
}

/** An image exists now, with these names. */
export interface ImageNamed {
  readonly type: "image";
  readonly id: string;
  readonly tags: readonly string[];
  readonly at: number;
}

/** Where events go. Must not throw and must return quickly. */
export type Emit = (event: StrakeEvent) => void;

/** Drops every event. */
export const emitNothing: Emit = () => {};
