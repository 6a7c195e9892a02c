import { expect, test } from "bun:test";
import { isThisMachine, parseNoProxy } from "./no-proxy.ts";

const cases: [string, string[], string[]][] = [
  ["", [], ["a.test:443"]],
  ["*", ["a.test:443", "10.0.0.1:80", "fd00::1:443"], []],
  ["b.test, *", ["a.test:443"], []],
  [
    "corp.test",
    ["corp.test:443", "reg.corp.test:5000", "REG.Corp.Test:443"],
    ["mycorp.test:443", "corp.test.org:443"],
  ],
  [".corp.test", ["reg.corp.test:443"], ["corp.test:443", "regcorp.test:443"]],
  ["*.corp.test", ["reg.corp.test:443"], ["corp.test:443"]],
  ["corp.test:5000", ["corp.test:5000", "reg.corp.test:5000"], ["corp.test:443"]],
  [" a.test ,, b.test ", ["a.test:443", "b.test:443"], ["c.test:443"]],
  ["a.test.", ["a.test:443", "a.test.:443"], []],
  ["10.1.2.3", ["10.1.2.3:443"], ["10.1.2.30:443", "x10.1.2.3:443"]],
  ["10.1.2.3:5000", ["10.1.2.3:5000"], ["10.1.2.3:443"]],
  ["10.0.0.0/8", ["10.255.0.1:443"], ["11.0.0.1:443", "a.test:443", "fd00::1:443"]],
  ["fd00::/8", ["fd12::1:443"], ["fe80::1:443", "10.0.0.1:443"]],
  ["fd00::1", ["fd00::1:443"], ["fd00::2:443"]],
  ["[fd00::1]", ["fd00::1:443"], ["fd00::2:443"]],
  ["[fd00::1]:5000", ["fd00::1:5000"], ["fd00::1:443"]],
  ["10.0.0.0/99, :80, ., /8", [], ["10.0.0.1:80", "a.test:80"]],
];

test.each(cases)("NO_PROXY=%s", (text, without, through) => {
  const exempt = parseNoProxy(text);
  const ask = (place: string) => exempt(place.replace(/:[0-9]+$/, ""), /[0-9]+$/.exec(place)![0]);
  expect(without.filter((place) => !ask(place))).toEqual([]);
  expect(through.filter(ask)).toEqual([]);
});

test("this machine is localhost, names below it and loopback addresses", () => {
  const ours = ["localhost", "LOCALHOST.", "reg.localhost", "127.0.0.1", "127.9.9.9", "::1", "::ffff:7f00:1"];
  expect(ours.filter((name) => !isThisMachine(name))).toEqual([]);
  expect(["localhost.test", "mylocalhost", "128.0.0.1", "10.0.0.1", "::2"].filter(isThisMachine)).toEqual([]);
});
