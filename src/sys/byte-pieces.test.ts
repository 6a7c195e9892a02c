import { expect, test } from "bun:test";
import { BytePieces } from "./index.ts";

test("runs do not touch each other, long ones have a piece of their own", () => {
  const allocated: number[] = [];
  const pieces = new BytePieces({
    allocate: (bytes) => {
      allocated.push(bytes);
      return new ArrayBuffer(bytes);
    },
    release: () => {},
  });
  const runs = [0, 1, 200_000, 70_000, 300_000, 5].map((length) => pieces.take(length));
  for (const [i, run] of runs.entries()) run.fill(i + 1);
  for (const [i, run] of runs.entries()) expect(run.every((byte) => byte === i + 1)).toBe(true);
  expect(runs.map(({ length }) => length)).toEqual([0, 1, 200_000, 70_000, 300_000, 5]);
  expect(allocated).toEqual([262_144, 262_144, 300_000, 262_144]);
});
