import { expect, test } from "bun:test";
import { terminalRest } from "./terminal-rest.ts";

const rest = (log: string) => Buffer.from(terminalRest(Buffer.from(log))).toString();
const long = "a".repeat(255);

test.each([
  ["nothing", "", ""],
  ["a line", "hi\r\n\n", "hi\r\n"],
  ["no end of a line", "hi\n", "hi"],
  ["a full piece", `${long}\n`, long],
  ["a full piece and a line", `${long}\nb\r\n\n`, `${long}b\r\n`],
  ["short pieces", "one\r\n\ntwo\r\n\n", "one\r\ntwo\r\n"],
  ["a line that ends in two pieces", "one\r\n\ntwo\r\n\n\n", "one\r\ntwo\r\n"],
  ["letters of several bytes", "é\r\n\n", "é\r\n"],
  ["lines of a raw terminal", `a\nb\n${"c".repeat(251)}\nd\n\n`, `a\nb\n${"c".repeat(251)}d\n`],
])("%s", (_, log, expected) => {
  expect(rest(log)).toBe(expected);
});
