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
const order = ["operation", "command", "arguments", "environment", "content", "parent"];

/**
 * Which input made a step miss the cache, given the inputs of an earlier run of it. Undefined when they are the same. Pure.
 */
export function explainMiss(previous: StepInputs, inputs: StepInputs): Difference | undefined {
  const names = [...new Set([...order, ...Object.keys(inputs), ...Object.keys(previous)])];
  for (const input of names) {
    const difference = compare(previous[input], inputs[input]);
    if (difference) return { input, ...difference };
  }
  return undefined;
}

type Value = StepInputs[string];

function compare(before: Value, now: Value): Omit<Difference, "input"> | undefined {
  if (typeof before === "object" && typeof now === "object") {
    const old = new Map(Object.entries(before));
    const fresh = new Map(Object.entries(now));
    for (const item of new Set([...fresh.keys(), ...old.keys()]))
      if (old.get(item) !== fresh.get(item)) return { item, before: old.get(item), now: fresh.get(item) };
    return undefined;
  }
  if (before === now) return undefined;
  return { before: text(before), now: text(now) };
}

function text(value: Value): string | undefined {
  return value === undefined || typeof value === "string" ? value : JSON.stringify(value);
}
