import { expect, test } from "bun:test";
import { editDistance, nearest } from "./suggest.ts";

test("edit distance", () => {
  expect(editDistance("kitten", "sitting")).toBe(3);
  expect(editDistance("", "abc")).toBe(3);
  expect(editDistance("same", "same")).toBe(0);
  expect(editDistance("form", "from")).toBe(1);
});

test.each([
  ["biuld", ["build", "test"], "build"],
  ["Requirments.txt", ["requirements.txt", "README"], "requirements.txt"],
  ["RUNN", ["RUN", "ENV"], "RUN"],
  ["form", ["from", "chown"], "from"],
  ["ap", ["app", "map"], "app"],
  ["x", ["build"], undefined],
  ["a", ["b"], undefined],
  ["xyz", ["abc"], undefined],
  ["abcdef", ["uvwxyz"], undefined],
])("nearest to %s", (word, candidates, expected) => {
  expect(nearest(word, candidates)).toBe(expected);
});
