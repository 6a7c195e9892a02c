import { describe, expect, test } from "bun:test";
import { parseBool, parseDuration, parseSize, parseUint32 } from "./go-values.ts";
import { exposedPorts } from "./ports.ts";
import { parseSignal } from "./signal.ts";

describe("durations", () => {
  const rows: Record<string, number> = {
    "0": 0,
    "5s": 5e9,
    "1m30s": 90e9,
    "1.5h": 5400e9,
    ".5s": 5e8,
    "1.s": 1e9,
    "-2ms": -2e6,
    "+1us": 1e3,
    "1µs": 1e3,
    "1μs": 1e3,
    "3ns": 3,
  };
  for (const [text, nanoseconds] of Object.entries(rows))
    test(text, () => expect(parseDuration(text)).toBe(nanoseconds));
  for (const text of ["", "5", "s", ".s", "1 s", "1S", "1d", "-", "5s5", "1e3s", "99999999h", "1.2.3s"])
    test(`"${text}" is refused`, () => expect(() => parseDuration(text)).toThrow("invalid duration"));
});

test("sizes", () => {
  const rows = { "512": 512, "1k": 1024, "1.5GiB": 1.5 * 2 ** 30, "64mb": 64 << 20, "2 kb": 2048, "1B": 1 };
  for (const [text, bytes] of Object.entries(rows)) expect(parseSize(text)).toBe(bytes);
  for (const text of ["", "x", "-1", "1x", "1kk", "1 "]) expect(parseSize(text)).toBeUndefined();
});

test("booleans and integers", () => {
  expect(["1", "t", "True", "0", "FALSE"].map(parseBool)).toEqual([true, true, true, false, false]);
  expect(["", "yes", "tRUE"].map(parseBool)).toEqual([undefined, undefined, undefined]);
  expect(parseUint32("0755", 8)).toBe(0o755);
  expect(parseUint32("4294967295", 10)).toBe(4294967295);
  expect([parseUint32("8", 8), parseUint32("-1", 10), parseUint32("4294967296", 10)]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

describe("ports", () => {
  const rows: readonly [word: string, ports: string[]][] = [
    ["80", ["80/tcp"]],
    ["80/UDP", ["80/udp"]],
    ["80/", ["80/tcp"]],
    ["3000-3002/sctp", ["3000/sctp", "3001/sctp", "3002/sctp"]],
    ["1234:80", ["80/tcp"]],
    ["0.0.0.0:1234-1235:3333-3334/tcp", ["3333/tcp", "3334/tcp"]],
    ["8000-9000:80", ["80/tcp"]],
    ["[2001:4860:0:2001::68]::333", ["333/tcp"]],
    ["::1:80:80", ["80/tcp"]],
    ["::::80", ["80/tcp"]],
  ];
  for (const [word, ports] of rows) test(word, () => expect(exposedPorts([word])).toEqual(ports));
  for (const word of [
    "",
    "x",
    "80/http",
    "80-70",
    "65536",
    "1-2-3",
    "localhost:80:80",
    "1-2:1-3",
    "a:80",
    "-80",
  ])
    test(`"${word}" is refused`, () =>
      expect(() => exposedPorts([word])).toThrow(expect.objectContaining({ code: "DOCKERFILE_SYNTAX" })));
});

test("signals", () => {
  expect(["TERM", "sigterm", "9", "SIGRTMIN", "RTMIN+3", "SIGRTMAX-1", "64"].map(parseSignal)).toEqual([
    15, 15, 9, 34, 37, 63, 64,
  ]);
  for (const text of ["", "NOPE", "0", "65", "RTMIN-1", "RTMIN+31", "SIG", "SIGSIGTERM"])
    expect(() => parseSignal(text)).toThrow("invalid signal");
});
