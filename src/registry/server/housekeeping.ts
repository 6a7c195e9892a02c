import type { Administration } from "./administration.ts";
import { Schedule } from "./gc/schedule.ts";
import type { Metrics } from "./metrics.ts";
import type { RetentionRule } from "./retention/rules.ts";

export interface CollectionTimes {
  /**
   * Milliseconds for which what nothing needs is kept all the same: longer than a push takes from its first blob to its
   * manifest, and than clocks differ. An hour when absent.
   */
  readonly grace?: number;
  /** Milliseconds for which deleted manifests and tags can be had back, with all they need; a week when absent. */
  readonly undo?: number;
  /** Milliseconds between collections that happen by themselves; only when `collect` is called when absent. */
  readonly every?: number;
  /** What they do with manifests that no tag leads to; kept when absent. */
  readonly untagged?: "keep" | "collect";
  /** Milliseconds after which an upload that nothing was added to is given up; a day when absent. */
  readonly uploads?: number;
  /** Rules about tags that they apply first. */
  readonly retention?: readonly RetentionRule[];
}

export interface ScrubTimes {
  /** Milliseconds between the end of one reading of everything and the beginning of the next. */
  readonly every: number;
  /** Move what is damaged aside, so that the next push brings it again. */
  readonly quarantine?: boolean;
}

/** Told of work beside what clients ask for that failed; it is tried again after the next pause. */
export type OnFailure = (work: "collection" | "scrub" | "webhook" | "credentials", error: unknown) => void;

/** What a registry does to its storage by itself, again and again. */
export class Housekeeping {
  readonly #schedules: Schedule[] = [];

  constructor(
    administration: Administration,
    metrics: Metrics,
    {
      collection = {},
      scrub,
      onFailure,
    }: { collection?: CollectionTimes; scrub?: ScrubTimes; onFailure?: OnFailure },
  ) {
    const { every, untagged, uploads, retention = [] } = collection;
    if (every !== undefined)
      this.#add(every, async (signal) => {
        try {
          if (retention.length > 0) await administration.retain(retention, { signal });
          const report = await administration.collect({ untagged, uploads, signal });
          const isWhole = report !== undefined && !report.interrupted;
          metrics.collection(isWhole ? "finished" : signal.aborted ? "stopped" : "left to another", report);
        } catch (error) {
          metrics.collection("failed", undefined);
          onFailure?.("collection", error);
        }
      });
    if (scrub)
      this.#add(scrub.every, async (signal) => {
        try {
          const report = await administration.scrub({ quarantine: scrub.quarantine, signal });
          metrics.scrub("finished", report.damaged.length);
        } catch (error) {
          metrics.scrub(signal.aborted ? "stopped" : "failed", undefined);
          if (!signal.aborted) onFailure?.("scrub", error);
        }
      });
  }

  /** Resolves when the work that was going on has ended. */
  async stop(): Promise<void> {
    await Promise.all(this.#schedules.map((schedule) => schedule.stop()));
  }

  #add(every: number, work: (signal: AbortSignal) => Promise<void>): void {
    this.#schedules.push(new Schedule(every, work));
  }
}
