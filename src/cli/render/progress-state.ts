import type { StepDone, StepStarted, StrakeEvent } from "../../events/index.ts";

/** What is known of one step. Times in milliseconds since the epoch. */
export interface StepView {
  /** Counts from 1 in the order of starts. */
  readonly number: number;
  readonly name: string;
  readonly kind: StepStarted["kind"];
  readonly startedAt: number;
  readonly doneAt?: number;
  readonly outcome?: StepDone["outcome"];
  readonly progress?: { readonly unit: "bytes" | "files"; readonly current: number; readonly total?: number };
  /** The last complete lines of output. */
  readonly lines: readonly string[];
  /** Output after the last newline. */
  readonly rest: string;
  readonly error?: string;
}

export interface ProgressState {
  readonly steps: ReadonlyMap<string, StepView>;
  readonly warnings: readonly string[];
}

export const noProgress: ProgressState = { steps: new Map(), warnings: [] };

/** Lines kept of a step: enough to see why it failed; the whole log went by as events. */
const linesKept = 200;

/** The state after an event. Pure. */
export function advance(state: ProgressState, event: StrakeEvent): ProgressState {
  if (event.type === "warning")
    return { ...state, warnings: [...state.warnings, `${event.code}: ${event.message}`] };
  if (event.type === "image") return state;
  const before = state.steps.get(event.step);
  const view =
    event.type === "step.started" ? begin(event, state.steps.size + 1) : before && change(before, event);
  if (view === undefined) return state;
  return { ...state, steps: new Map(state.steps).set(event.step, view) };
}

function begin({ name, kind, at }: StepStarted, number: number): StepView {
  return { number, name, kind, startedAt: at, lines: [], rest: "" };
}

function change(
  view: StepView,
  event: Exclude<StrakeEvent, { type: "step.started" | "warning" | "image" }>,
): StepView {
  if (event.type === "step.progress") {
    const { unit, current, total } = event;
    return { ...view, progress: { unit, current, ...(total === undefined ? {} : { total }) } };
  }
  if (event.type === "step.done")
    return {
      ...view,
      doneAt: event.at,
      outcome: event.outcome,
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
