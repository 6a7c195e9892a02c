import { expect, test } from "bun:test";
import { SizedMap } from "./sized-map.ts";

test("the oldest goes when there is no room; what is put in anew is young; what is too large is not taken", () => {
  const map = new SizedMap<string>(100);
  for (const key of ["a", "b", "c", "d"]) map.set(key, key, 25);
  map.set("a", "again", 25);
  map.set("e", "e", 20);
  expect(["a", "b", "c", "d", "e"].map((key) => map.get(key))).toEqual(["again", undefined, "c", "d", "e"]);
  map.delete("c");
  map.set("f", "f", 25);
  map.set("g", "g", 26);
  expect(["a", "d", "e", "f", "g"].map((key) => map.get(key))).toEqual(["again", "d", "e", "f", undefined]);
});
