import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { cleanEntryPath, decodePath, encodePath } from "./index.ts";
import { codeOf } from "./raw-archive.test-support.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);

describe("decodePath and encodePath", () => {
  test("bytes that are not UTF-8 become lone surrogates and come back", () => {
    expect(decodePath(bytes(0x61, 0xff, 0xc3, 0xa9, 0x80))).toBe("a\udcffé\udc80");
    expect([...encodePath("a\udcffé\udc80")]).toEqual([0x61, 0xff, 0xc3, 0xa9, 0x80]);
  });

  test("encoded surrogates, overlong forms and a leading byte order mark are not UTF-8's business", () => {
    for (const sample of [bytes(0xed, 0xa0, 0x80), bytes(0xc0, 0xaf), bytes(0xf5, 0x80, 0x80, 0x80)])
      expect([...decodePath(sample)].every((unit) => unit >= "\udc80" && unit <= "\udcff")).toBe(true);
    expect(decodePath(bytes(0xef, 0xbb, 0xbf, 0x61))).toBe("\ufeffa");
  });

  test("property: every byte string survives", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (sample) => {
        expect(Buffer.compare(encodePath(decodePath(sample)), sample)).toBe(0);
      }),
    );
  });

  test("property: every well-formed string survives", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 40 }), (sample) => {
        expect(decodePath(encodePath(sample))).toBe(sample);
      }),
    );
  });

  test("surrogates that stand for no byte are refused", () => {
    expect(codeOf(() => encodePath("a\ud800"))).toBe("TAR_INVALID");
    expect(codeOf(() => encodePath("\udc7f"))).toBe("TAR_INVALID");
    // A high surrogate takes the low one behind it, even where that could be an escaped byte.
    expect(encodePath("\ud83d\ude00\udc80")).toHaveLength(5);
  });
});

describe("cleanEntryPath", () => {
  test.each([
    ["usr/bin/env", "/usr/bin/env"],
    ["./usr/bin/", "/usr/bin"],
    ["/etc/passwd", "/etc/passwd"],
    ["//etc//passwd", "/etc/passwd"],
    ["a/./b", "/a/b"],
    [".", "/"],
    ["./", "/"],
    ["/", "/"],
    ["...", "/..."],
    ["..a/b..", "/..a/b.."],
    [".wh..wh..opq", "/.wh..wh..opq"],
    ["a\udcff", "/a\udcff"],
  ])("%p is %p", (path, expected) => {
    expect(cleanEntryPath(path)).toBe(expected);
  });

  test.each([
    ["CVE-2014-9356 climbing out", "../../etc/passwd"],
    ["CVE-2014-9356 climbing in the middle", "a/../../b"],
    ["CVE-2021-32804 absolute and climbing", "//../etc"],
    ["only dots", ".."],
    ["at the end", "a/.."],
    ["empty", ""],
    ["NUL", "a\0b"],
  ])("%s is refused", (_, path) => {
    expect(codeOf(() => cleanEntryPath(path))).toBe("TAR_INVALID");
  });

  test("a component longer than NAME_MAX is refused, counted in bytes", () => {
    expect(cleanEntryPath(`a/${"x".repeat(255)}`)).toBe(`/a/${"x".repeat(255)}`);
    expect(codeOf(() => cleanEntryPath(`a/${"x".repeat(256)}`))).toBe("TAR_LIMIT");
    expect(codeOf(() => cleanEntryPath("é".repeat(128)))).toBe("TAR_LIMIT");
  });
});
