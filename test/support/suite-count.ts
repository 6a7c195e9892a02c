import { stripVTControlCharacters } from "node:util";

export interface SuiteCount {
  readonly passed: number;
  /** Failures, and errors of the program itself. */
  readonly failed: number;
  /** Fewer that pass than this, and it has not asked what it is there to ask. */
  readonly expected: number;
}

/**
 * What a program of the distribution-spec counted. The newest one counts each requirement of each content, and ends with
 * a list of sums; the one of v1.1.1 and before counts steps, and ends with the line of its test runner.
 */
export function countOfSuite(output: string): SuiteCount {
  const text = stripVTControlCharacters(output);
  const steps = /(\d+) Passed \| (\d+) Failed/.exec(text);
  if (steps) return { passed: Number(steps[1]), failed: Number(steps[2]), expected: 60 };
  const sum = (status: string) => Number(new RegExp(`^ *${status}\\.+: *(\\d+)$`, "im").exec(text)?.[1]);
  return { passed: sum("pass"), failed: sum("fail") + sum("error"), expected: 700 };
}
