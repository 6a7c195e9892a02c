import { manifestItems } from "../copy/manifest.ts";
import type { StepInputs } from "./inputs.ts";

/** The first input that differs between two runs of one step. */
export interface Difference {
  /** Name of the input: `parent`, `command`, `environment`, `content`. */
  readonly input: string;
  /** What within it: a variable's name, a position, a file. */
  readonly item?: string;
  readonly before?: string;
  readonly now?: string;
}

/** In this order: what comes first is what a person can do most about. */
const order = ["operation", "command", "environment", "files", "content", "parent"];

/**
 * Which input made a step miss the cache, given the inputs of an earlier run of it. Undefined when they are the same. Pure.
 */
export function explainMiss(previous: StepInputs, inputs: StepInputs): Difference | undefined {
  const names = [...new Set([...order, ...Object.keys(inputs), ...Object.keys(previous)])];
  for (const input of names) {
    const [before, now] = [previous[input], inputs[input]];
    const difference =
      input === "files" && typeof before === "string" && typeof now === "string"
        ? compareItems(manifestItems(before), manifestItems(now))
        : compare(before, now);
    if (difference) return { input, ...difference };
  }
  return undefined;
}

type Value = StepInputs[string];

function compare(before: Value, now: Value): Omit<Difference, "input"> | undefined {
  if (typeof before === "object" && typeof now === "object")
    return compareItems(new Map(Object.entries(before)), new Map(Object.entries(now)));
  if (before === now) return undefined;
  return { before: text(before), now: text(now) };
}

function compareItems(
  before: ReadonlyMap<string, string>,
  now: ReadonlyMap<string, string>,
): Omit<Difference, "input"> | undefined {
  for (const item of new Set([...now.keys(), ...before.keys()]))
    if (before.get(item) !== now.get(item)) return { item, before: before.get(item), now: now.get(item) };
  return undefined;
}

function text(value: Value): string | undefined {
  return value === undefined || typeof value === "string" ? value : JSON.stringify(value);
}
