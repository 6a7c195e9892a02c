import { describe, expect, test } from "bun:test";
import { duration, plainList, quote, quoteList, quoteRune } from "./goformat.ts";

describe("history text in Go's forms", () => {
  test("numbers that Go takes for characters", () => {
    expect([0, 3, 10, 39, 34, 65, 300].map(quoteRune)).toEqual([
      ..."'\\x00' '\\x03' '\\n' '\\'' '\"' 'A' 'Ĭ'".split(" "),
    ]);
  });
  test("lists", () => {
    expect(quoteList(["flask", "run"])).toBe('["flask" "run"]');
    expect(quoteList([])).toBe("[]");
    expect(plainList(["/bin/sh", "-c"])).toBe("[/bin/sh -c]");
  });
  test.each([
    ['say "hi"', '"say \\"hi\\""'],
    ["a\\b\n\t", '"a\\\\b\\n\\t"'],
    ["grün ✓", '"grün ✓"'],
    ["\u0000\u007f", '"\\x00\\x7f"'],
    ["\u200b", '"\\u200b"'],
  ])("quote %j", (text, quoted) => {
    expect(quote(text)).toBe(quoted);
  });
  test.each([
    [0, "0s"],
    [30e9, "30s"],
    [90e9, "1m30s"],
    [3600e9, "1h0m0s"],
    [500e6, "500ms"],
    [1.5e9, "1.5s"],
    [1500, "1.5µs"],
    [-2e9, "-2s"],
  ])("duration %d", (nanoseconds, text) => {
    expect(duration(nanoseconds)).toBe(text);
  });
});
