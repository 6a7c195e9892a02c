import { expect, test } from "bun:test";
import { countOfSuite } from "./suite-count.ts";

test("the sums of either program are read, and of a program that says none there are none", () => {
  const sums = [
    "  Skip......: 12",
    "  Pass......: 875",
    "  FAIL......: 2",
    "  Error.....: 1",
    "  Total.....: 890",
  ];
  expect(countOfSuite(sums.join("\n"))).toEqual({ passed: 875, failed: 3, expected: 700 });
  const line =
    "\x1b[1mFAIL!\x1b[0m -- \x1b[32m71 Passed\x1b[0m | \x1b[91m1 Failed\x1b[0m | 0 Pending | 6 Skipped";
  expect(countOfSuite(line)).toEqual({ passed: 71, failed: 1, expected: 60 });
  expect(countOfSuite("")).toEqual({ passed: Number.NaN, failed: Number.NaN, expected: 700 });
});
