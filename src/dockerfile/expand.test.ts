// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are variables of Dockerfiles
import { describe, expect, test } from "bun:test";
import { expand, expandHeredoc, splitWords } from "./expand.ts";

const variables = { v: "value", empty: "", path: "/a/b/c.tar.gz", star: "a***yy*", blanks: " x  y " };

describe("expand", () => {
  const rows: readonly [word: string, value: string][] = [
    ["plain", "plain"],
    ["", ""],
    ["$v", "value"],
    ["${v}", "value"],
    ["x${v}y$v.z", "xvalueyvalue.z"],
    ["\\$v", "$v"],
    ["'$v'", "$v"],
    ['"$v"', "value"],
    ['"\\$v \\" \\\\ \\x"', '$v " \\ \\x'],
    ["'a\\'", "a\\"],
    ["a\\", "a"],
    ["$", "$"],
    ["$.", "$."],
    ["$1x", "x"],
    ["$unset", ""],
    ["${unset-w}", "w"],
    ["${empty-w}", ""],
    ["${empty:-w}", "w"],
    ["${v:-w}", "value"],
    ["${unset+w}", ""],
    ["${empty+w}", "w"],
    ["${empty:+w}", ""],
    ["${v:+w}", "w"],
    ["${unset:-${empty:-$v}}", "value"],
    ["${unset:-'a}b'}", "a}b"],
    ["${v?}", "value"],
    ["${empty?}", ""],
    ["${path#*/}", "a/b/c.tar.gz"],
    ["${path##*/}", "c.tar.gz"],
    ["${path%.*}", "/a/b/c.tar"],
    ["${path%%.*}", "/a/b/c"],
    ["${path#x}", "/a/b/c.tar.gz"],
    ["${path#/?/}", "b/c.tar.gz"],
    ["${path#$unset}", "/a/b/c.tar.gz"],
    ["${star%%\\**\\*}", "a"],
    ["${path/a/X}", "/X/b/c.tar.gz"],
    ["${path//a/X}", "/X/b/c.tXr.gz"],
    ["${path//\\//_}", "_a_b_c.tar.gz"],
    ["${path/\\/*\\//$v}", "valuec.tar.gz"],
    ["${v//l*/}", "va"],
    ["${v/$unset/x}", "xvalue"],
    ["${unset#x}", ""],
  ];
  for (const [word, value] of rows)
    test(`${word} is ${value}`, () => expect(expand(word, variables).value).toBe(value));

  const refused = [
    "'a",
    '"a',
    "${",
    "${}",
    "${v",
    "${v:}",
    "${v:=w}",
    "${v=w}",
    "${v:#w}",
    "${v:%w}",
    "${:-w}",
    "${.}",
    "${{v}",
    "${v/a}",
    "${v//a}",
    "${v#\\x}",
    "${v:-${w}",
  ];
  for (const word of refused)
    test(`${word} is refused`, () =>
      expect(() => expand(word, variables)).toThrow(
        expect.objectContaining({ code: "DOCKERFILE_EXPANSION" }),
      ));

  test("demanded variables must be there", () => {
    const required = expect.objectContaining({ code: "DOCKERFILE_VARIABLE_REQUIRED" });
    for (const word of ["${unset?}", "${unset:?}", "${empty:?}"])
      expect(() => expand(word, variables)).toThrow(required);
    expect(() => expand("${unset:?say $v}", variables)).toThrow("unset: say value");
    expect(() => expand("${empty:?}", variables)).toThrow("empty: is not allowed to be empty");
  });

  test("tells which variables it asked for", () => {
    const { used, unset } = expand("$v ${a:-${b-$empty}} '$quoted'", variables);
    expect([...used]).toEqual(["v", "empty"]);
    expect([...unset].sort()).toEqual(["a", "b"]);
  });

  test("uses the escape character of the file", () => {
    expect(expand("C:\\dir`$v\\$v", variables, { escape: "`" }).value).toBe("C:\\dir$v\\value");
  });

  test("takes variables from a map or a function, and without regard to case for Windows", () => {
    expect(expand("$A$a", new Map([["A", "1"]])).value).toBe("1");
    expect(expand("$A$a", (name) => name).value).toBe("Aa");
    expect(expand("$A$a", { A: "1" }, { windows: true }).value).toBe("11");
    expect(expand("$toString$__proto__", {}).value).toBe("");
  });

  test("stays within limits", () => {
    const limit = expect.objectContaining({ code: "DOCKERFILE_LIMIT" });
    expect(() => expand("${a:-".repeat(5000) + "}".repeat(5000), {})).toThrow(limit);
    expect(() => expand("$big".repeat(40), { big: "x".repeat(60_000) })).toThrow(limit);
    const million = { big: "x".repeat(1 << 20) };
    expect(() => expand(`"${"$big".repeat(9000)}"`, million)).toThrow(limit);
    expect(() => expand("${big//x/$big}", million)).toThrow(limit);
    expect(expand("${big//x/y}", million).value).toBe("y".repeat(1 << 20));
    expect(expand("${big/z/y}", million).value).toHaveLength(1 << 20);
    expect(() => expand(`\${big#${"*a".repeat(20_000)}}`, { big: "x".repeat(60_000) })).toThrow(limit);
    expect(expand(`\${big##${"*a".repeat(500)}*b}`, { big: "a".repeat(60_000) }).value).toHaveLength(60_000);
  });
});

describe("splitWords", () => {
  const rows: readonly [text: string, words: string[]][] = [
    ["a b", ["a", "b"]],
    ["  a\t\tb  ", ["a", "b"]],
    ["'a b' c", ["a b", "c"]],
    ["a\\ b", ["a b"]],
    ["x$blanks$v", ["x", "x", "y", "value"]],
    ['x"$blanks"z', ["x x  y z"]],
    ["$unset", []],
    ["", []],
  ];
  for (const [text, words] of rows)
    test(`${text} is ${JSON.stringify(words)}`, () =>
      expect(splitWords(text, variables).words).toEqual(words));
});

test("heredoc bodies expand with their quotes left alone", () => {
  expect(expandHeredoc("\"$v\" '$v' it's\n\\$v \\\\ ${unset:-x}\n", variables).value).toBe(
    "\"value\" 'value' it's\n$v \\ x\n",
  );
});
