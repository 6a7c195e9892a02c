import type { StrakeEvent } from "../../events/index.ts";
import { humanSize, seconds } from "../text/human.ts";
import {
  advance,
  noProgress,
  type ProgressState,
  type StepView,
  splitLines,
  warningText,
} from "./progress-state.ts";
import { speedText, totalsText } from "./transfer-text.ts";

/** Where a plain rendering is: the steps so far and the unfinished line of each. */
export interface PlainState {
  readonly progress: ProgressState;
  /** Time of the first event. */
  readonly startedAt?: number;
  /** When a step last had a line about its bytes. */
  readonly saidAt: ReadonlyMap<string, number>;
}

/** Milliseconds between two lines about the bytes of one step. */
const interval = 5000;

export const plainStart: PlainState = { progress: noProgress, saidAt: new Map() };

/**
 * The lines an event adds, for logs and pipes: `#2 [1/3] RUN make`, `#2 0.41 cc -o app`, `#2 DONE 1.2s`; of transfers
 * `#3 12.3MB / 45.6MB 27% 23.4MB/s` now and then, `#3 DONE 1.9s 45.6MB 23.4MB/s`, `#4 CACHED already here 30MB`. Pure.
 */
export function renderPlain(state: PlainState, event: StrakeEvent): { state: PlainState; text: string } {
  const before = "step" in event ? state.progress.steps.get(event.step) : undefined;
  const progress = advance(state.progress, event);
  const next: PlainState = { ...state, progress, startedAt: state.startedAt ?? event.at };
  if (event.type === "warning") return { state: next, text: `warning: ${warningText(event)}\n` };
  // What came out is the command's result, not progress.
  if (event.type === "image") return { state: next, text: "" };
  if (event.type === "transfer.done") return { state: next, text: `${totalsText(event)}\n` };
  const view = progress.steps.get(event.step);
  if (view === undefined) return { state: next, text: "" };
  const mark = `#${view.number}`;
  if (event.type === "step.started") {
    const size = event.total === undefined ? "" : ` ${humanSize(event.total)}`;
    return { state: next, text: `${mark} ${view.name}${size}\n` };
  }
  if (event.type === "step.progress") {
    const isDue = event.at - (state.saidAt.get(event.step) ?? view.startedAt) >= interval;
    if (event.unit !== "bytes" || !isDue) return { state: next, text: "" };
    const saidAt = new Map(state.saidAt).set(event.step, event.at);
    return { state: { ...next, saidAt }, text: `${mark} ${bytesText(event)}\n` };
  }
  const took = seconds(event.at - view.startedAt);
  if (event.type === "step.log") {
    const { lines } = splitLines((before?.rest ?? "") + new TextDecoder().decode(event.data));
    const at = ((event.at - view.startedAt) / 1000).toFixed(3);
    return { state: next, text: lines.map((line) => `${mark} ${at} ${line}\n`).join("") };
  }
  const rest = before?.rest ? `${mark} ${before.rest}\n` : "";
  return { state: next, text: `${rest}${mark} ${ending(view, took)}\n\n` };
}

function ending({ outcome, error, reason, bytes, bytesPerSecond }: StepView, took: string): string {
  const size = bytes === undefined ? "" : ` ${humanSize(bytes)}`;
  const speed = bytesPerSecond === undefined ? "" : ` ${speedText(bytesPerSecond)}`;
  if (outcome === "cached") return reason === undefined ? "CACHED" : `CACHED ${reason}${size}`;
  if (outcome === "skipped") return "SKIPPED";
  if (outcome === "canceled") return "CANCELED";
  return outcome === "failed" ? `ERROR: ${error ?? "failed"}` : `DONE ${took}${size}${speed}`;
}

function bytesText({
  current,
  total,
  bytesPerSecond,
}: Extract<StrakeEvent, { type: "step.progress" }>): string {
  const share = total === undefined || total === 0 ? "" : ` ${Math.floor((current / total) * 100)}%`;
  const of = total === undefined ? "" : ` / ${humanSize(total)}${share}`;
  return `${humanSize(current)}${of}${bytesPerSecond === undefined ? "" : ` ${speedText(bytesPerSecond)}`}`;
}
