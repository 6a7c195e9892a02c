import { describe, expect, test } from "bun:test";
import { compileComponent, isPattern, unescapePattern } from "./glob.ts";

// [pattern, name, matches]; "error" for a pattern that Go refuses.
const cases: [string, string, boolean | "error"][] = [
  ["abc", "abc", true],
  ["*", "abc", true],
  ["*c", "abc", true],
  ["a*", "a", true],
  ["a*", "ab/c", false],
  ["a*b?c*x", "abxbbxdbxebxczzx", true],
  ["a*b?c*x", "abxbbxdbxebxczzy", false],
  ["*", ".hidden", true],
  ["ab[c]", "abc", true],
  ["ab[b-d]", "abc", true],
  ["ab[e-g]", "abc", false],
  ["ab[^c]", "abc", false],
  ["ab[^b-d]", "abc", false],
  ["ab[^e-g]", "abc", true],
  ["a\\*b", "a*b", true],
  ["a\\*b", "ab", false],
  ["a?b", "a☺b", true],
  ["a[^a]b", "a☺b", true],
  ["[a-ζ]*", "α", true],
  ["*[a-ζ]", "A", false],
  ["a?b", "a/b", false],
  ["[\\]a]", "]", true],
  ["[\\-]", "-", true],
  ["[x\\-]", "z", false],
  ["[]a]", "]", "error"],
  ["[-]", "-", "error"],
  ["[x-]", "x", "error"],
  ["[-x]", "x", "error"],
  ["\\", "a", "error"],
  ["[a-b-c]", "a", "error"],
  ["[", "a", "error"],
  ["[^", "a", "error"],
  ["[^bc", "a", "error"],
  ["a[", "ab", "error"],
  ["*x", "xxx", true],
  ["[c-a]", "b", false],
];

describe("Go's filepath.Match", () => {
  test.each(cases)("%s on %s", (pattern, name, expected) => {
    if (expected === "error") expect(() => compileComponent(pattern)).toThrow("not a valid pattern");
    else expect(compileComponent(pattern).test(name)).toBe(expected);
  });
  test("an escaped star is a path, not a pattern", () => {
    expect(isPattern("a\\*b")).toBe(false);
    expect(unescapePattern("a\\*b")).toBe("a*b");
    expect(isPattern("a*")).toBe(true);
  });
});
