import { describe, expect, test } from "bun:test";
import { Glob, globMatch, hasWildcard } from "./glob.ts";

const matching: readonly [pattern: string, path: string][] = [
  ["abc", "abc"],
  ["*", "abc"],
  ["*c", "abc"],
  ["a*", "a"],
  ["a*/b", "abc/b"],
  ["a*b*c*d*e*/f", "axbxcxdxe/f"],
  ["a*b?c*x", "abxbbxdbxebxczzx"],
  ["a???d", "abcxd".slice(0, 4).concat("d")],
  ["ab[c]", "abc"],
  ["ab[b-d]", "abc"],
  ["ab[^e-g]", "abc"],
  ["a\\*b", "a*b"],
  ["a?b", "a☺b"],
  ["a?b", "a😀b"],
  ["a[^a]b", "a☺b"],
  ["[a-ζ]*", "α"],
  ["[\\]a]", "]"],
  ["[\\-x]", "x"],
  ["[x\\-]", "-"],
  ["*x", "xxx"],
];
const notMatching: readonly [pattern: string, path: string][] = [
  ["a*", "ab/c"],
  ["*c", "abc/c/d"],
  ["a*/b", "a/c/b"],
  ["a*b?c*x", "abxbbxdbxebxczzy"],
  ["ab[e-g]", "abc"],
  ["ab[^b-d]", "abc"],
  ["a\\*b", "ab"],
  ["a?b", "a/b"],
  ["a[^x]b", "a/b"],
  ["a[^a][^a]b", "a☺b"],
  ["?", "😀x"],
  ["**", "a/b"],
  ["a", ""],
];

describe("filepath.Match syntax", () => {
  for (const [pattern, path] of matching)
    test(`${pattern} matches ${path}`, () => expect(globMatch(pattern, path)).toBe(true));
  for (const [pattern, path] of notMatching)
    test(`${pattern} does not match ${path}`, () => expect(globMatch(pattern, path)).toBe(false));

  for (const pattern of [
    "[",
    "[^",
    "[^bc",
    "a[",
    "[]a]",
    "[-]",
    "[x-]",
    "[-x]",
    "[a-b-c]",
    "\\",
    "a\\",
    "[\\",
  ])
    test(`${pattern} is refused`, () =>
      expect(() => new Glob(pattern)).toThrow(expect.objectContaining({ code: "DOCKERFILE_PATTERN" })));

  test("a pattern longer than any path is refused", () => {
    expect(() => new Glob("a".repeat(5000))).toThrow(expect.objectContaining({ code: "DOCKERFILE_LIMIT" }));
  });
});

describe("**", () => {
  const rows: readonly [pattern: string, path: string, matches: boolean][] = [
    ["**", "file", true],
    ["**", "dir/file", true],
    ["**/", "dir/file", true],
    ["**/**", "dir/file", true],
    ["dir/**", "dir/file", true],
    ["dir/**", "dir/dir2/file", true],
    ["dir/**", "dir", false],
    ["**/dir2/*", "dir/dir2/file", true],
    ["**/dir2/**", "dir/dir2/dir2/file", true],
    ["**file", "dir/otherfile", true],
    ["**/file", "dir/otherfile", false],
    ["**/file*txt", "dir/dir/file.txt", true],
    ["**/**/*.txt", "file.txt", true],
    ["**/**/*.txt2", "dir/dir/file.txt", false],
    ["a**/*.txt", "a/dir/dir/file.txt", true],
    ["a/*.txt**", "a/file.txt", true],
    ["**/foo/bar", "foo/bar", true],
    ["**/foo/bar", "dir/dir2/foo/bar", true],
    ["**/foo/bar", "dir/xfoo/bar", false],
    ["**/.foo", "bar.foo", false],
    ["a/**/b", "a/b", true],
    ["a/**/b", "a/x/y/b", true],
    ["a/**/b", "ab", false],
  ];
  for (const [pattern, path, matches] of rows)
    test(`${pattern} ${matches ? "matches" : "does not match"} ${path}`, () =>
      expect(globMatch(pattern, path, { doubleStar: true })).toBe(matches));

  test("no pattern makes matching exponential", () => {
    // A backtracking matcher would not come back from this one.
    const pattern = `**/${"*a".repeat(40)}*b*/${"**/*a*".repeat(20)}c*`;
    expect(globMatch(pattern, `${"a".repeat(200)}/`.repeat(10), { doubleStar: true })).toBe(false);
  });
});

test("mayMatchBelow looks at what could follow a directory", () => {
  const glob = (pattern: string) => new Glob(pattern, { doubleStar: true });
  expect(glob("a/b/c").mayMatchBelow("a/b")).toBe(true);
  expect(glob("a/b/c").mayMatchBelow("a/b/c")).toBe(false);
  expect(glob("a/b/c").mayMatchBelow("x")).toBe(false);
  expect(glob("*/c").mayMatchBelow("x")).toBe(true);
  expect(glob("*.c").mayMatchBelow("x")).toBe(false);
  expect(glob("**/c").mayMatchBelow("x/y/z")).toBe(true);
});

test("wildcards are seen unless escaped", () => {
  expect(["a*", "a?", "[a]", "\\\\*"].map(hasWildcard)).toEqual([true, true, true, true]);
  expect(["a", "a\\*", "\\[a]", "a\\"].map(hasWildcard)).toEqual([false, false, false, false]);
});
