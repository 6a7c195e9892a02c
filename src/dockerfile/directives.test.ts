import { describe, expect, test } from "bun:test";
import type { Directives } from "./ast.ts";
import { parseCheckOptions, readDirectives } from "./directives.ts";
import { parseDockerfile } from "./parse.ts";
import { physicalLines } from "./physical-lines.ts";

function directives(text: string): Directives {
  return readDirectives(physicalLines(text, "Dockerfile"), "Dockerfile").directives;
}

describe("directives", () => {
  test("are read from the very top, each with its line", () => {
    const found = directives(
      "# syntax = docker/dockerfile:1 --flag x\n#ESCAPE=`\n  # check=skip=A\nFROM x\n",
    );
    expect(found.syntax).toBe("docker/dockerfile:1");
    expect(found.syntaxCommandLine).toBe("--flag x");
    expect(found.escape).toBe("`");
    expect(found.check.skip).toEqual(["A"]);
    expect(found.list.map(({ name, range }) => [name, range.startLine])).toEqual([
      ["syntax", 1],
      ["escape", 2],
      ["check", 3],
    ]);
  });

  test("end at the first comment, blank line, unknown directive or instruction", () => {
    for (const first of ["# comment", "", "# what=ever", "FROM x", "#", "# escape="])
      expect(directives(`${first}\n# escape=\`\n`).escape).toBe("\\");
  });

  test("are refused when repeated", () => {
    const invalid = expect.objectContaining({ code: "DOCKERFILE_DIRECTIVE" });
    expect(() => directives("# escape=\\\n# Escape=\\\n")).toThrow(invalid);
    expect(() => directives("# syntax=a\n# syntax=b\n")).toThrow(invalid);
    expect(() => directives("# escape=x\n")).toThrow(invalid);
    expect(() => directives("# escape=``\n")).toThrow(invalid);
  });

  test("syntax is found behind a #! line, in // comments and in JSON", () => {
    expect(directives("#!/usr/bin/env x\n# syntax=a/b\n").syntax).toBe("a/b");
    expect(directives("// syntax=a/b c\n{}").syntax).toBe("a/b");
    expect(directives('{"syntax": "a/b", "x": [1]}').syntax).toBe("a/b");
    expect(directives('#!x\n{\n"syntax": "a/b"}').list[0]!.range.startLine).toBe(2);
    for (const text of ["{", "{}", '{"syntax": 1}', "// x", "//", "x // syntax=a"])
      expect(directives(text).syntax).toBeUndefined();
  });

  test("a #! line ends the search for the escape character", () => {
    expect(directives("#!x\n# escape=`\n").escape).toBe("\\");
  });

  test("are not comments of the first instruction", () => {
    const { globalArgs } = parseDockerfile("# check=skip=all\n# X the x\nARG X\nFROM a");
    expect(globalArgs[0]!.comments).toEqual(["X the x"]);
    expect(globalArgs[0]!.skippedChecks).toEqual([]);
  });
});

test("check options", () => {
  expect(parseCheckOptions("skip=A, B ;error=true;experimental=all")).toEqual({
    skip: ["A", "B"],
    skipAll: false,
    error: true,
    experimental: ["all"],
    experimentalAll: true,
  });
  expect(parseCheckOptions("skip=ALL;error=false")).toMatchObject({ skipAll: true, error: false });
  expect(parseCheckOptions("")).toMatchObject({ skip: [], skipAll: false, error: false, experimental: [] });
});
