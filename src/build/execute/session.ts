import type { TableMemory } from "../../erofs/index.ts";
import type { Emit } from "../../events/index.ts";
import type { Digest, Platform } from "../../oci/index.ts";
import type { Layer, Lease, Store } from "../../store/index.ts";
import type { CopySource } from "../copy/source.ts";
import type { BuildOptions } from "../options.ts";
import type { Plan } from "../plan/plan.ts";
import type { Slots } from "./slots.ts";

/** What all steps of one build share. */
export interface Session {
  readonly store: Store;
  readonly lease: Lease;
  readonly options: BuildOptions;
  readonly plan: Plan;
  readonly platform: Platform;
  readonly buildArgs: Readonly<Record<string, string>>;
  /** Bounds how many steps run at once. */
  readonly slots: Slots;
  /** Aborted by the caller, or by the first step that fails. */
  readonly signal: AbortSignal;
  readonly emit: Emit;
  /** Seconds; the SOURCE_DATE_EPOCH argument. */
  readonly epoch?: number;
  /** For tables of one row a file; closed at the build's end. */
  readonly memory: TableMemory;
  /** The scanned context; made when first asked for. Throws BUILD_CONTEXT when there is none. */
  context(): CopySource;
  /** Told that files of the context are about to be written: a large one is warned of, once. */
  readonly writesContext?: () => Promise<void>;
  readonly counts: { done: number; cached: number };
}

/** The layer a step gave, and when it was first made (RFC 3339). */
export interface StepLayer {
  readonly diffID: Digest;
  readonly created: string;
}

/** The layers of a chain as the store has them. */
export function layersOf(session: Session, diffIDs: readonly Digest[]): Layer[] {
  return session.store.layers.intact(diffIDs);
}

/** RFC 3339 text of SOURCE_DATE_EPOCH, or of the time given. */
export function createdText(session: Session, milliseconds: number): string {
  return new Date(session.epoch === undefined ? milliseconds : session.epoch * 1000).toISOString();
}
