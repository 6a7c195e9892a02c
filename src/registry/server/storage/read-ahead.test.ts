import { expect, test } from "bun:test";
import { ReadAhead } from "./read-ahead.ts";

const mib = 1 << 20;

test("large stretches are read ahead: two files at a time, each once, and of a very large one the beginning", async () => {
  const asked: { path: string; start: number; end: number; through: () => void }[] = [];
  const ahead = new ReadAhead(
    (path, range) => new Promise((resolve) => asked.push({ path, ...range, through: resolve })),
  );
  ahead.begin("small", { start: 0, end: mib });
  ahead.begin("a", { start: 10, end: 10 + 8 * mib });
  ahead.begin("a", { start: 0, end: 8 * mib });
  ahead.begin("b", { start: 100, end: 5000 * mib });
  ahead.begin("c", { start: 0, end: 8 * mib });
  expect(asked.map(({ path, start, end }) => [path, start, end])).toEqual([
    ["a", 10, 10 + 8 * mib],
    ["b", 100, 100 + 512 * mib],
  ]);
  asked[0]!.through();
  await Bun.sleep(0);
  ahead.begin("b", { start: 0, end: 8 * mib });
  ahead.begin("c", { start: 0, end: 8 * mib });
  expect(asked.map(({ path }) => path)).toEqual(["a", "b", "c"]);
});
