import { expect, test } from "bun:test";
import { zoneCommands } from "./firewall.ts";

const now = ["--zone=trusted", "--change-interface=strake0"];
const untouched = "";
const others = `<?xml version="1.0" encoding="utf-8"?>
<zone target="ACCEPT">
  <interface name="strake01"/>
</zone>`;
const ours = others.replace("strake01", "strake0");

test("the default bridge is written into firewalld's configuration, which a reload does not forget", () => {
  expect(zoneCommands(untouched, "strake0", true)).toEqual([now, ["--permanent", ...now]]);
  expect(zoneCommands(others, "strake0", true)).toEqual([now, ["--permanent", ...now]]);
});

test("a bridge that is in it needs no call", () => {
  expect(zoneCommands(ours, "strake0", true)).toEqual([]);
});

test("the bridge of another run root, which goes with its last container, is trusted for the moment", () => {
  expect(zoneCommands(untouched, "strake0", false)).toEqual([now]);
});
