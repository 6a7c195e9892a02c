import { expect, test } from "bun:test";
import { ownGroupOf } from "./control-group-move.ts";

test("finds a group of our own on every layout", () => {
  expect(ownGroupOf("9:name=systemd:/\n8:pids:/a\n0::/x\n")).toBe("/sys/fs/cgroup/pids/a");
  expect(ownGroupOf("0::/user.slice\n")).toBe("/sys/fs/cgroup/user.slice");
  expect(ownGroupOf("0::/\n")).toBe("/sys/fs/cgroup");
  expect(ownGroupOf("")).toBeUndefined();
});
