import { expect, test } from "bun:test";
import { cgroupLayout, treesToHide } from "./cgroup.ts";

const line = (point: string, type: string) => `36 35 0:31 / ${point} rw,nosuid shared:9 - ${type} ${type} rw`;
const v1 = line("/sys/fs/cgroup/memory", "cgroup");

test("tells the four layouts apart", () => {
  expect(cgroupLayout(line("/sys/fs/cgroup", "cgroup2"))).toEqual({
    mode: "v2",
    unified: [],
    trees: ["/sys/fs/cgroup"],
  });
  expect(cgroupLayout(v1)).toEqual({ mode: "v1", unified: [], trees: ["/sys/fs/cgroup/memory"] });
  expect(cgroupLayout(`${v1}\n${line("/sys/fs/cgroup/unified", "cgroup2")}`)).toEqual({
    mode: "hybrid",
    unified: ["/sys/fs/cgroup/unified"],
    trees: ["/sys/fs/cgroup/memory"],
  });
  expect(cgroupLayout(line("/", "ext4")).mode).toBe("none");
});

test("a v2 tree beside v1 is hidden from crun only when it has controllers", () => {
  const layout = cgroupLayout(`${v1}\n${line("/sys/fs/cgroup/unified", "cgroup2")}`);
  expect(treesToHide(layout, () => "hugetlb\n")).toEqual(["/sys/fs/cgroup/unified"]);
  expect(treesToHide(layout, () => "\n")).toEqual([]);
  expect(treesToHide(cgroupLayout(line("/sys/fs/cgroup", "cgroup2")), () => "cpu")).toEqual([]);
});
