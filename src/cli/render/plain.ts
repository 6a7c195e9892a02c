import type { StrakeEvent } from "../../events/index.ts";
import { seconds } from "../text/human.ts";
import { advance, noProgress, type ProgressState, splitLines } from "./progress-state.ts";

/** Where a plain rendering is: the steps so far and the unfinished line of each. */
export interface PlainState {
  readonly progress: ProgressState;
  /** Time of the first event. */
  readonly startedAt?: number;
}

export const plainStart: PlainState = { progress: noProgress };

/** The lines an event adds, for logs and pipes: `#2 [1/3] RUN make`, `#2 0.41 cc -o app`, `#2 DONE 1.2s`. Pure. */
export function renderPlain(state: PlainState, event: StrakeEvent): { state: PlainState; text: string } {
  const before = "step" in event ? state.progress.steps.get(event.step) : undefined;
  const progress = advance(state.progress, event);
  const next: PlainState = { progress, startedAt: state.startedAt ?? event.at };
  if (event.type === "warning") return { state: next, text: warning(event) };
  // What came out is the command's result, not progress.
  if (event.type === "image") return { state: next, text: "" };
  const view = progress.steps.get(event.step);
  if (view === undefined) return { state: next, text: "" };
  const mark = `#${view.number}`;
  if (event.type === "step.started") return { state: next, text: `${mark} ${view.name}\n` };
  if (event.type === "step.progress") return { state: next, text: "" };
  const took = seconds(event.at - view.startedAt);
  if (event.type === "step.log") {
    const { lines } = splitLines((before?.rest ?? "") + new TextDecoder().decode(event.data));
    const at = ((event.at - view.startedAt) / 1000).toFixed(3);
    return { state: next, text: lines.map((line) => `${mark} ${at} ${line}\n`).join("") };
  }
  const rest = before?.rest ? `${mark} ${before.rest}\n` : "";
  return { state: next, text: `${rest}${mark} ${ending(event.outcome, took, view.error)}\n\n` };
}

function ending(outcome: string, took: string, error: string | undefined): string {
  if (outcome === "cached") return "CACHED";
  if (outcome === "skipped") return "SKIPPED";
  if (outcome === "canceled") return "CANCELED";
  return outcome === "failed" ? `ERROR: ${error ?? "failed"}` : `DONE ${took}`;
}

function warning(event: Extract<StrakeEvent, { type: "warning" }>): string {
  const where = event.source ? ` (${event.source.file ?? "Dockerfile"}:${event.source.startLine})` : "";
  return `warning: ${event.code}: ${event.message}${where}\n`;
}
