import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { renderError, type StrakeError } from "../errors/index.ts";
import { cleanPath, IgnoreMatcher, parseIgnoreFile } from "./ignore.ts";

function matcher(...lines: string[]): IgnoreMatcher {
  return new IgnoreMatcher(parseIgnoreFile(lines.join("\n")));
}

describe("parseIgnoreFile", () => {
  test("drops comments, blanks and leading slashes, and cleans paths", () => {
    const text =
      "\ufefftest1\n/test2\n/a/file/here\n\nlastfile\n# this is a comment\n! /inverted/abs/path\n!\t/x/../y/\n  # no comment\n./z/\n/\n";
    expect(parseIgnoreFile(text).map(({ pattern, negated }) => (negated ? "!" : "") + pattern)).toEqual([
      "test1",
      "test2",
      "a/file/here",
      "lastfile",
      "!inverted/abs/path",
      "!y",
      "# no comment",
      "z",
      "/",
    ]);
  });

  test("knows the line of each rule", () => {
    expect(parseIgnoreFile("#\na\r\n\n!b\r\n").map(({ pattern, line }) => [pattern, line])).toEqual([
      ["a", 2],
      ["b", 4],
    ]);
  });

  test("shows the line of a bad pattern", () => {
    for (const bad of ["!", "[", "a[x", "!a\\"]) {
      let thrown: StrakeError | undefined;
      try {
        parseIgnoreFile(`ok\n${bad}\n`);
      } catch (error) {
        thrown = error as StrakeError;
      }
      expect(thrown?.code).toBe("DOCKERFILE_PATTERN");
      expect(renderError(thrown!)).toContain(`>>> ${bad}`);
    }
  });

  test("refuses more patterns than any project has", () => {
    expect(() => parseIgnoreFile("a\n".repeat(10_001))).toThrow(
      expect.objectContaining({ code: "DOCKERFILE_LIMIT" }),
    );
  });
});

test("cleanPath does as filepath.Clean", () => {
  const rows = {
    "a//b": "a/b",
    "a/./b/": "a/b",
    "a/../b": "b",
    "../a": "../a",
    "/../a": "/a",
    "": ".",
    "a/..": ".",
    "/": "/",
    "../../x/..": "../..",
  };
  for (const [path, clean] of Object.entries(rows)) expect(cleanPath(path)).toBe(clean);
});

describe("IgnoreMatcher", () => {
  test("takes a parent's match for its children", () => {
    const m = matcher("node_modules", "a/b");
    expect(
      ["node_modules", "node_modules/x/y", "a", "a/b", "a/b/c", "a/bc", "x/node_modules"].map((p) =>
        m.ignored(p),
      ),
    ).toEqual([true, true, false, true, true, false, false]);
  });

  test("lets the last rule win", () => {
    const m = matcher(
      "docs",
      "!docs/README.md",
      "docs/README.md",
      "!docs/x",
      "*.md",
      "!README*.md",
      "README-secret.md",
    );
    const ignored = (path: string) => m.ignored(path);
    expect(ignored("docs/README.md")).toBe(true);
    expect(ignored("docs/x")).toBe(false);
    expect(ignored("docs/x/y")).toBe(false);
    expect(ignored("README.md")).toBe(false);
    expect(ignored("README-secret.md")).toBe(true);
    expect(ignored("other.md")).toBe(true);
  });

  test("skips directories that nothing can come back from", () => {
    const m = matcher("!early/x", "early", "late", "!late/deep/keep", "any", "!**/*.keep", "last");
    expect(m.canSkipDirectory("last")).toBe(true);
    expect(m.canSkipDirectory("early")).toBe(false);
    expect(m.canSkipDirectory("src")).toBe(false);
    const exact = matcher("late", "!late/deep/keep");
    expect(exact.canSkipDirectory("late")).toBe(false);
    expect(exact.canSkipDirectory("late/deep")).toBe(false);
    expect(exact.canSkipDirectory("late/other")).toBe(true);
    expect(exact.canSkipDirectory("late/deep/keep")).toBe(false);
    expect(exact.hasNegations).toBe(true);
    const early = matcher("!early/x", "early");
    expect(early.canSkipDirectory("early")).toBe(true);
  });

  const path = fc
    .array(fc.constantFrom("a", "b", "ab", ".c"), { minLength: 1, maxLength: 4 })
    .map((parts) => parts.join("/"));
  const pattern = fc
    .array(fc.constantFrom("a", "b", "*", "**", "a*", "?", ".c", "[ab]"), { minLength: 1, maxLength: 3 })
    .map((parts) => parts.join("/"));
  const rules = fc.array(fc.record({ pattern, negated: fc.boolean() }), { maxLength: 5 });

  test("never skips a directory that holds something of the context", () => {
    fc.assert(
      fc.property(rules, path, path, (rules, directory, below) => {
        const m = new IgnoreMatcher(rules);
        if (m.canSkipDirectory(directory)) expect(m.ignored(`${directory}/${below}`)).toBe(true);
      }),
    );
  });

  test("answers the same whatever was asked before", () => {
    fc.assert(
      fc.property(rules, fc.array(path), (rules, paths) => {
        const used = new IgnoreMatcher(rules);
        for (const path of paths) expect(used.ignored(path)).toBe(new IgnoreMatcher(rules).ignored(path));
      }),
    );
  });

  test("the last match of a path or one of its parents counts, as by definition", () => {
    fc.assert(
      fc.property(rules, path, (rules, path) => {
        const parts = path.split("/");
        const chain = parts.map((_, i) => parts.slice(0, i + 1).join("/"));
        let ignored = false;
        for (const rule of rules) {
          const single = new IgnoreMatcher([{ pattern: rule.pattern, negated: false }]);
          if (chain.some((part) => single.ignored(part))) ignored = !rule.negated;
        }
        expect(new IgnoreMatcher(rules).ignored(path)).toBe(ignored);
      }),
    );
  });
});
