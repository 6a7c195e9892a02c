import { describe, expect, test } from "bun:test";
import { bindMount, orderMounts, tmpfsMount } from "./mounts.ts";
import { type HostFacts, runtimeSpec, type SpecOptions } from "./spec.ts";

const host: HostFacts = { architecture: "amd64", cpus: 2, cgroup: "v1", boundingMask: (1n << 41n) - 1n };
const options: SpecOptions = {
  rootfs: "/r",
  args: ["true"],
  env: ["PATH=/bin"],
  cwd: "/",
  user: { uid: 0, gid: 0, additionalGids: [10] },
  hostname: "box",
  network: { kind: "new" },
};
const spec = (changes: Partial<SpecOptions> = {}, facts: Partial<HostFacts> = {}) =>
  runtimeSpec({ ...options, ...changes }, { ...host, ...facts });

describe("runtimeSpec", () => {
  test("has namespaces of its own; the cgroup one only on version 2", () => {
    const types = (value: ReturnType<typeof spec>) =>
      value.linux.namespaces.map((namespace) => namespace.type);
    expect(types(spec())).toEqual(["pid", "ipc", "uts", "mount", "network"]);
    expect(types(spec({ network: { kind: "host" } }))).not.toContain("network");
    expect(types(spec({}, { cgroup: "v2" }))).toContain("cgroup");
    expect(spec({ network: { kind: "path", path: "/proc/7/ns/net" } }).linux.namespaces).toContainEqual({
      type: "network",
      path: "/proc/7/ns/net",
    });
  });

  test("asks for no resource limits", () => {
    expect(spec().process.rlimits).toBeUndefined();
  });

  test("hides and protects what shows or changes the host", () => {
    const { maskedPaths, readonlyPaths } = spec().linux;
    for (const path of [
      "/proc/kcore",
      "/proc/keys",
      "/proc/interrupts",
      "/sys/firmware",
      "/sys/devices/virtual/powercap",
    ])
      expect(maskedPaths).toContain(path);
    expect(maskedPaths).toContain("/sys/devices/system/cpu/cpu1/thermal_throttle");
    for (const path of ["/proc/sys", "/proc/bus", "/proc/irq", "/proc/sysrq-trigger"])
      expect(readonlyPaths).toContain(path);
  });

  test("mounts /sys and the control groups read-only, shared memory with 64 MiB", () => {
    const at = (path: string) => spec().mounts.find((mount) => mount.destination === path)!;
    expect(at("/sys").options).toContain("ro");
    expect(at("/sys/fs/cgroup").options).toContain("ro");
    expect(at("/dev/shm").options).toContain("size=67108864");
    expect(at("/proc").options).toEqual(["nosuid", "noexec", "nodev"]);
  });

  test("privileged opens all of it", () => {
    const open = spec({ capabilities: { privileged: true } });
    expect(open.linux.maskedPaths).toEqual([]);
    expect(open.linux.readonlyPaths).toEqual([]);
    expect(open.linux.seccomp).toBeUndefined();
    expect(open.process.capabilities.effective).toHaveLength(41);
    expect(open.linux.resources.devices).toEqual([{ allow: true, access: "rwm" }]);
  });

  test("lets a container open only the devices every program expects", () => {
    const rules = spec().linux.resources.devices;
    expect(rules[0]).toEqual({ allow: false, access: "rwm" });
    expect(rules.filter((rule) => rule.type === "b").every((rule) => rule.access === "m")).toBe(true);
  });
});

describe("orderMounts", () => {
  test("makes parents before what lies below them", () => {
    const mounts = [bindMount("/h", "/a/b/c"), tmpfsMount("/a"), bindMount("/i", "/a/b")];
    expect(orderMounts(mounts).map((mount) => mount.destination)).toEqual(["/a", "/a/b", "/a/b/c"]);
  });

  test("the later of two for one place stands", () => {
    const mounts = [bindMount("/one", "/x"), bindMount("/two", "/x")];
    expect(orderMounts(mounts).map((mount) => mount.source)).toEqual(["/two"]);
  });
});
