import type { StepDone, StepStarted, StrakeEvent, TransferDone } from "../../events/index.ts";

export interface Progress {
  readonly unit: "bytes" | "files";
  readonly current: number;
  readonly total?: number;
  readonly bytesPerSecond?: number;
  readonly at: number;
}

/** What is known of one step. Times in milliseconds since the epoch. */
export interface StepView {
  /** Counts from 1 in the order of starts. */
  readonly number: number;
  readonly name: string;
  readonly kind: StepStarted["kind"];
  readonly startedAt: number;
  readonly doneAt?: number;
  readonly outcome?: StepDone["outcome"];
  readonly progress?: Progress;
  readonly reason?: string;
  /** Moved, or spared for the `reason`. */
  readonly bytes?: number;
  readonly bytesPerSecond?: number;
  /** The last complete lines of output. */
  readonly lines: readonly string[];
  /** Output after the last newline. */
  readonly rest: string;
  readonly error?: string;
}

export interface ProgressState {
  readonly steps: ReadonlyMap<string, StepView>;
  readonly warnings: readonly string[];
  readonly totals: readonly TransferDone[];
}

export const noProgress: ProgressState = { steps: new Map(), warnings: [], totals: [] };

/** Lines kept of a step: enough to see why it failed; the whole log went by as events. */
const linesKept = 200;

/** The state after an event. Pure. */
export function advance(state: ProgressState, event: StrakeEvent): ProgressState {
  if (event.type === "warning") return { ...state, warnings: [...state.warnings, warningText(event)] };
  if (event.type === "image") return state;
  if (event.type === "transfer.done") return { ...state, totals: [...state.totals, event] };
  const before = state.steps.get(event.step);
  const view =
    event.type === "step.started" ? begin(event, state.steps.size + 1) : before && change(before, event);
  if (view === undefined) return state;
  return { ...state, steps: new Map(state.steps).set(event.step, view) };
}

/** What is to be looked at, and where. */
export function warningText({ code, message, source }: Extract<StrakeEvent, { type: "warning" }>): string {
  const where = source ? ` (${source.file ?? "Dockerfile"}:${source.startLine})` : "";
  return `${code}: ${message}${where}`;
}

function begin({ name, kind, total, at }: StepStarted, number: number): StepView {
  const progress: Progress | undefined =
    total === undefined ? undefined : { unit: "bytes", current: 0, total, at };
  return { number, name, kind, startedAt: at, lines: [], rest: "", ...(progress ? { progress } : {}) };
}

function change(
  view: StepView,
  event: Exclude<StrakeEvent, { type: "step.started" | "transfer.done" | "warning" | "image" }>,
): StepView {
  if (event.type === "step.progress") {
    const { type: _type, step: _step, ...progress } = event;
    return { ...view, progress };
  }
  if (event.type === "step.done")
    return {
      ...view,
      doneAt: event.at,
      outcome: event.outcome,
      ...(event.reason === undefined ? {} : { reason: event.reason }),
      ...(event.bytes === undefined ? {} : { bytes: event.bytes }),
      ...(event.bytesPerSecond === undefined ? {} : { bytesPerSecond: event.bytesPerSecond }),
      ...(event.error ? { error: event.error.message } : {}),
      ...(view.rest === "" ? {} : { lines: [...view.lines, view.rest].slice(-linesKept), rest: "" }),
    };
  const { lines, rest } = splitLines(view.rest + new TextDecoder().decode(event.data));
  return { ...view, rest, lines: [...view.lines, ...lines].slice(-linesKept) };
}

/** Complete lines and what follows the last one. What a carriage return overwrote is dropped, as on a terminal. */
export function splitLines(text: string): { lines: string[]; rest: string } {
  const parts = text.split("\n");
  const rest = parts.pop()!;
  return {
    lines: parts.map((line) => shown(line.replace(/\r+$/, ""))),
    rest: rest.length > 8192 ? rest.slice(-8192) : rest,
  };
}

function shown(line: string): string {
  return line.slice(line.lastIndexOf("\r") + 1);
}
