import { expect, test } from "bun:test";
import { editDistance, nearby, nearest } from "./suggest.ts";

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

test.each([
  ["lastest", ["1.0", "latest"], ["latest"]],
  ["1.2", ["1.2.7", "2.0", "1.3", "1.2-slim"], ["1.3", "1.2.7", "1.2-slim"]],
  ["app", ["team/app", "team/other"], ["team/app"]],
  ["x/app", ["app", "apple"], ["app"]],
  ["app", ["app"], []],
])("near to %s", (word, candidates, expected) => {
  expect(nearby(word, candidates, 5)).toEqual(expected);
});

test("as many near ones as are asked for", () => {
  expect(nearby("v10", ["v11", "v12", "v13"], 2)).toEqual(["v11", "v12"]);
});
