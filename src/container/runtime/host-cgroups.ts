import { readFileSync } from "node:fs";
import { type CgroupLayout, cgroupLayout } from "./cgroup.ts";

let layout: CgroupLayout | undefined;

/** The host's control groups, as they were when this process first looked: entering our namespace hides a part. */
export function hostCgroups(): CgroupLayout {
  layout ??= cgroupLayout(readFileSync("/proc/self/mountinfo", "utf8"));
  return layout;
}
