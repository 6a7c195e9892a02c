import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatTime, parseNumber, parseTime } from "./number.ts";
import { codeOf } from "./raw-archive.test-support.ts";

const parse = (bytes: string | number[]) => {
  const field = typeof bytes === "string" ? Buffer.from(bytes, "latin1") : Uint8Array.from(bytes);
  return parseNumber(field, 0, field.length, "the field");
};

describe("header numbers", () => {
  test.each([
    ["0000644\0", 0o644],
    ["   644 \0", 0o644],
    ["644\0\0\0\0\0", 0o644],
    ["77777777", 0o77777777],
    ["\0\0\0\0", 0],
    ["        ", 0],
    ["0000000 \0", 0],
    ["12\0junk", 0o12],
  ])("%j is %d", (text, value) => {
    expect(parse(text)).toBe(value);
  });

  test.each(["-1\0", "0x1f\0", "8\0", "1 2\0", "\0\x001", "1a"])(
    "%j is refused or read to its NUL",
    (text) => {
      expect(["TAR_INVALID", "none"]).toContain(codeOf(() => parse(text)));
      if (text !== "\0\x001") expect(codeOf(() => parse(text))).toBe("TAR_INVALID");
      else expect(parse(text)).toBe(1);
    },
  );

  test("base-256: big, negative, and beyond what is exact", () => {
    expect(parse([0x80, 0, 0, 0, 0x80, 0, 0, 0])).toBe(2 ** 31);
    expect(parse([0x80, 0, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0])).toBe(2 ** 45);
    expect(parse([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe])).toBe(-2);
    expect(parse([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])).toBe(-1);
    expect(codeOf(() => parse([0x80, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]))).toBe("TAR_INVALID");
    expect(codeOf(() => parse([0xbf, ...new Array<number>(11).fill(0xff)]))).toBe("TAR_INVALID");
  });
});

describe("PAX times", () => {
  test.each([
    ["0", 0, 0],
    ["1.5", 1, 500_000_000],
    ["-1", -1, 0],
    ["-0.5", -1, 500_000_000],
    ["-1.000000001", -2, 999_999_999],
    ["1.", 1, 0],
    ["1.1234567891", 1, 123_456_789],
  ])("%s", (text, seconds, nanoseconds) => {
    expect(parseTime(text, "mtime")).toEqual({ seconds, nanoseconds });
  });

  test.each(["", ".5", "1e3", "--1", "1.5.5", "99999999999999999999", " 1", "1.-5"])(
    "%j is refused",
    (text) => {
      expect(codeOf(() => parseTime(text, "mtime"))).toBe("TAR_INVALID");
    },
  );

  test("property: formatTime and parseTime undo each other", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
        fc.integer({ min: 0, max: 999_999_999 }),
        (seconds, nanoseconds) => {
          expect(parseTime(formatTime(seconds, nanoseconds), "mtime")).toEqual({ seconds, nanoseconds });
        },
      ),
    );
  });
});
