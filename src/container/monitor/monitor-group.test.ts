import { expect, test } from "bun:test";
import { cgroupLayout, parseMountInfo } from "../../sys/index.ts";
import { monitorGroups } from "./monitor-group.ts";

const mounts = (...lines: string[]) => cgroupLayout(parseMountInfo(lines.join("\n")));
const v2 = (at: string) =>
  `30 23 0:26 / ${at} rw,nosuid - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot`;
const v1 = (at: string, what: string) => `31 23 0:27 / ${at} rw,nosuid - cgroup cgroup rw,${what}`;

test("Debian 12: version 2 alone", () => {
  expect(monitorGroups(mounts(v2("/sys/fs/cgroup")))).toEqual(["/sys/fs/cgroup/strake/monitors"]);
});

test("systemd's hybrid layout: both of its hierarchies, and no controller's", () => {
  const layout = mounts(
    v2("/sys/fs/cgroup/unified"),
    v1("/sys/fs/cgroup/systemd", "xattr,name=systemd"),
    v1("/sys/fs/cgroup/memory", "memory"),
  );
  expect(monitorGroups(layout)).toEqual([
    "/sys/fs/cgroup/unified/strake/monitors",
    "/sys/fs/cgroup/systemd/strake/monitors",
  ]);
});

test("without systemd and version 2 nothing is moved", () => {
  expect(monitorGroups(mounts(v1("/sys/fs/cgroup/memory", "memory")))).toEqual([]);
  expect(monitorGroups(mounts())).toEqual([]);
});
