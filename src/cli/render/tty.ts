import { humanSize, seconds, truncate } from "../text/human.ts";
import type { ProgressState, StepView } from "./progress-state.ts";

export interface FrameOptions {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly columns: number;
  readonly rows: number;
  readonly color: boolean;
}

/** Lines of output shown under a running step. */
const tailLines = 6;

/** What a terminal shows at one moment, line by line, none wider than it. Pure. */
export function renderFrame(state: ProgressState, options: FrameOptions): string[] {
  const steps = [...state.steps.values()];
  const done = steps.filter((step) => step.doneAt !== undefined).length;
  const started = Math.min(...steps.map((step) => step.startedAt), options.now);
  const head = `[+] ${seconds(Math.max(0, options.now - started))} (${done}/${steps.length})`;
  const body = steps.flatMap((step) => stepLines(step, options));
  // What does not fit goes at the top: the news is below.
  const room = Math.max(1, options.rows - 2);
  const hidden = Math.max(0, body.length - room);
  return [head, ...body.slice(hidden)];
}

function stepLines(step: StepView, options: FrameOptions): string[] {
  const line = stepLine(step, options);
  if (step.doneAt !== undefined) return [line];
  const tail = [...step.lines, step.rest].filter((text) => text !== "").slice(-tailLines);
  return [line, ...tail.map((text) => dim(` => => ${cut(text, options.columns - 8)}`, options))];
}

const marks = { done: "✔", cached: "✔", skipped: "–", failed: "✘", canceled: "✘" } as const;
const colors = { done: 32, cached: 36, skipped: 90, failed: 31, canceled: 33 } as const;

function stepLine(step: StepView, options: FrameOptions): string {
  const time = seconds((step.doneAt ?? options.now) - step.startedAt);
  const note =
    step.outcome === "cached"
      ? "cached"
      : step.outcome === "skipped"
        ? "not needed"
        : progressNote(step) || time;
  const room = Math.max(10, options.columns - note.length - 4);
  const name = cut(step.name, room);
  const padding = " ".repeat(Math.max(1, room - Bun.stringWidth(name)));
  if (step.outcome === undefined) return ` ${spinner(options.now)} ${name}${padding}${note}`;
  return ` ${paint(marks[step.outcome], colors[step.outcome], options)} ${name}${padding}${note}`;
}

function progressNote(step: StepView): string {
  if (step.progress === undefined || step.doneAt !== undefined) return "";
  const { unit, current, total } = step.progress;
  const show = (count: number) => (unit === "bytes" ? humanSize(count) : `${count} files`);
  return total === undefined ? show(current) : `${show(current)} / ${show(total)}`;
}

const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

function spinner(now: number): string {
  return frames[Math.floor(now / 100) % frames.length]!;
}

/** Without escape sequences, which a program's output may hold and which would break the frame. */
function cut(text: string, width: number): string {
  return truncate(
    Bun.stripANSI(text)
      .replaceAll("\t", " ")
      .replace(/[\x00-\x1f\x7f]/g, ""),
    width,
  );
}

function paint(text: string, code: number, { color }: FrameOptions): string {
  return color ? `\x1b[${code}m${text}\x1b[0m` : text;
}

function dim(text: string, { color }: FrameOptions): string {
  return color ? `\x1b[2m${text}\x1b[0m` : text;
}
