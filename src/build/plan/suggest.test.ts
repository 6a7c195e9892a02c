import { expect, test } from "bun:test";
import { distance, nearest } from "./suggest.ts";

test("edit distance", () => {
  expect(distance("kitten", "sitting")).toBe(3);
  expect(distance("", "abc")).toBe(3);
  expect(distance("same", "same")).toBe(0);
});

test.each([
  ["biuld", ["build", "test"], "build"],
  ["Requirments.txt", ["requirements.txt", "README"], "requirements.txt"],
  ["x", ["build"], undefined],
  ["abcdef", ["uvwxyz"], undefined],
  ["ap", ["app", "map"], "app"],
])("nearest to %s", (word, candidates, expected) => {
  expect(nearest(word, candidates)).toBe(expected);
});
