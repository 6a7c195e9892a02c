import { humanSize, seconds, truncate } from "../text/human.ts";
import type { ProgressState, StepView } from "./progress-state.ts";
import { bar, speedText, totalsText } from "./transfer-text.ts";

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
  const totals = state.totals.map((each) => cut(totalsText(each), options.columns - 1));
  const room = Math.max(1, options.rows - 2 - totals.length);
  const body = fitting(
    steps.map((step) => ({ isOver: step.doneAt !== undefined, lines: stepLines(step, options) })),
    room,
  );
  return [head, ...body, ...totals];
}

interface Part {
  readonly isOver: boolean;
  readonly lines: readonly string[];
}

/** What does not fit goes at the top, as the news is below; and first what is over: of many layers those that move are seen. */
function fitting(parts: readonly Part[], room: number): string[] {
  let excess = parts.reduce((sum, { lines }) => sum + lines.length, 0) - room;
  const left = parts.filter(({ isOver, lines }) => {
    if (!isOver || excess <= 0) return true;
    excess -= lines.length;
    return false;
  });
  return left.flatMap(({ lines }) => lines).slice(-room);
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
  const note = cut(noteOf(step, options), Math.max(0, options.columns - 14));
  const room = Math.max(10, options.columns - note.length - 4);
  const name = cut(step.name, room);
  const padding = " ".repeat(Math.max(1, room - Bun.stringWidth(name)));
  if (step.outcome === undefined) return ` ${spinner(options.now)} ${name}${padding}${note}`;
  return ` ${paint(marks[step.outcome], colors[step.outcome], options)} ${name}${padding}${note}`;
}

/** What stands at the right of a step's line. */
function noteOf(step: StepView, options: FrameOptions): string {
  const { outcome, reason, bytes, bytesPerSecond } = step;
  if (outcome === "skipped") return "not needed";
  if (outcome === "cached") return columns(reason ?? "cached", bytes && humanSize(bytes));
  const time = seconds((step.doneAt ?? options.now) - step.startedAt);
  if (outcome === undefined) return progressNote(step, options) || time;
  return columns(bytes && humanSize(bytes), bytesPerSecond && speedText(bytesPerSecond), time);
}

/** Milliseconds without a byte after which a speed would be a lie. */
const stalledAfter = 3000;
const barWidth = 30;
/** A shorter bar says nothing. */
const leastBar = 8;
/** Columns of a name beside a bar: a verb and twelve digits. */
const nameWidth = 20;

function progressNote({ progress }: StepView, { now, columns: width }: FrameOptions): string {
  if (progress === undefined) return "";
  const { unit, current, total, bytesPerSecond, at } = progress;
  const show = (count: number) => (unit === "bytes" ? humanSize(count) : `${count} files`);
  const isStalled = unit === "bytes" && now - at >= stalledAfter;
  const speed = isStalled ? `no byte for ${seconds(now - at)}` : bytesPerSecond && speedText(bytesPerSecond);
  if (total === undefined) return columns(show(current), speed);
  const count = `${show(current)} / ${show(total)}`;
  if (unit !== "bytes") return count;
  // Columns that stay where they are while the numbers change.
  const figures = `${count.padStart(17)}  ${(speed || "").padStart(8)}`;
  const room = Math.min(barWidth, width - figures.length - nameWidth - 6);
  if (room < leastBar) return columns(count, speed);
  return `${bar(total === 0 ? 1 : current / total, room)} ${figures}`;
}

function columns(...parts: (string | number | undefined)[]): string {
  return parts.filter((part) => typeof part === "string" && part !== "").join("  ");
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
