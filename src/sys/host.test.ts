import { describe, expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseCapabilities } from "./capability.ts";
import { cgroupLayout } from "./cgroup.ts";
import { isKernelAtLeast, parseFileSystems, parseKernelVersion } from "./kernel.ts";
import { parseMountInfo } from "./mountinfo.ts";
import { countMappedIds, isInitialUidMap } from "./namespace.ts";
import { statfs } from "./statfs.ts";
import { fallocate, fsyncDirectory, syncFileSystem } from "./sync.ts";
import { makeRaw, setTerminalState, setWindowSizeOf, terminalState, windowSize } from "./terminal.ts";

describe("kernel versions", () => {
  for (const [release, major, minor] of [
    ["6.18.44-fc-v657", 6, 18],
    ["6.1.0-18-amd64", 6, 1],
    ["5.15.167.4-microsoft-standard-WSL2", 5, 15],
    ["nonsense", 0, 0],
  ] as const)
    test(release, () => expect(parseKernelVersion(release)).toEqual({ major, minor, release }));

  test("are compared by number", () => {
    const version = parseKernelVersion("6.9.1");
    expect([
      isKernelAtLeast(version, 6, 12),
      isKernelAtLeast(version, 6, 9),
      isKernelAtLeast(version, 5, 19),
    ]).toEqual([false, true, true]);
  });
});

test("/proc/filesystems", () => {
  expect([...parseFileSystems("nodev\tsysfs\n\text4\nnodev\toverlay\n")]).toEqual([
    "sysfs",
    "ext4",
    "overlay",
  ]);
});

test("uid maps: only the identity over all ids is the initial user namespace", () => {
  expect(isInitialUidMap("         0          0 4294967295\n")).toBe(true);
  expect(isInitialUidMap("         0       1000          1\n         1     100000      65536\n")).toBe(false);
  expect(isInitialUidMap("         0     100000      65536\n")).toBe(false);
});

test("uid maps: ids are counted over all lines", () => {
  expect(countMappedIds("         0       1000          1\n         1     100000      65536\n")).toBe(65537);
  expect(countMappedIds("")).toBe(0);
});

describe("mountinfo", () => {
  test("optional fields, escapes, and what stands behind the hyphen", () => {
    const text =
      "36 35 98:0 /mnt1 /mnt\\0402\\011x rw,noatime master:1 shared:7 - ext3 /dev/my\\134disk rw,errors=continue\n" +
      "37 36 0:5 / / rw - tmpfs none rw\nnonsense\n\n";
    expect(parseMountInfo(text)).toEqual([
      {
        id: 36,
        parent: 35,
        device: "98:0",
        root: "/mnt1",
        mountPoint: "/mnt 2\tx",
        options: ["rw", "noatime"],
        propagation: ["master:1", "shared:7"],
        type: "ext3",
        source: "/dev/my\\disk",
        superOptions: ["rw", "errors=continue"],
      },
      expect.objectContaining({ id: 37, mountPoint: "/", propagation: [], source: "none" }),
    ]);
  });
});

describe("cgroup layouts", () => {
  const line = (point: string, type: string, options: string) =>
    `30 20 0:26 / ${point} rw - ${type} ${type} ${options}`;
  const layout = (...lines: string[]) => cgroupLayout(parseMountInfo(lines.join("\n")));

  test("unified", () => {
    expect(layout(line("/sys/fs/cgroup", "cgroup2", "rw,nsdelegate"))).toEqual({
      mode: "unified",
      unified: "/sys/fs/cgroup",
      controllers: new Map(),
    });
  });

  test("legacy, with joined controllers and a named hierarchy", () => {
    const { mode, unified, controllers } = layout(
      line("/sys/fs/cgroup/cpu,cpuacct", "cgroup", "rw,cpu,cpuacct"),
      line("/sys/fs/cgroup/systemd", "cgroup", "rw,xattr,release_agent=/lib/agent,name=systemd"),
    );
    expect([mode, unified]).toEqual(["legacy", undefined]);
    expect([...controllers]).toEqual([
      ["cpu", "/sys/fs/cgroup/cpu,cpuacct"],
      ["cpuacct", "/sys/fs/cgroup/cpu,cpuacct"],
      ["name=systemd", "/sys/fs/cgroup/systemd"],
    ]);
  });

  test("hybrid", () => {
    const found = layout(
      line("/sys/fs/cgroup/memory", "cgroup", "rw,memory"),
      line("/sys/fs/cgroup/unified", "cgroup2", "rw"),
    );
    expect([found.mode, found.unified]).toEqual(["hybrid", "/sys/fs/cgroup/unified"]);
  });

  test("none", () => expect(layout(line("/proc", "proc", "rw")).mode).toBe("none"));
});

test("capability masks", () => {
  const sets = parseCapabilities(
    "CapInh:\t0000000000000000\nCapPrm:\t0000000000200001\nCapEff:\t0000000000200001\nCapBnd:\t000001ffffffffff\nCapAmb:\t0000000000000000\n",
  );
  expect([...sets.effective]).toEqual(["CAP_CHOWN", "CAP_SYS_ADMIN"]);
  expect([sets.inheritable.size, sets.bounding.size]).toEqual([0, 41]);
});

describe.skipIf(process.platform !== "linux")("this machine", () => {
  test("statfs knows proc and gives sizes that fit together", () => {
    expect(statfs("/proc").type).toBe("proc");
    const stat = statfs(tmpdir());
    expect(stat.total).toBeGreaterThan(stat.free);
    expect(stat.free).toBeGreaterThanOrEqual(stat.available);
    expect(() => statfs("/no/such")).toThrow("statfs /no/such: ENOENT");
  });

  test("a descriptor that is no terminal has no size and no state", () => {
    const fd = openSync("/dev/null", "r");
    expect(windowSize(fd)).toBeUndefined();
    expect(() => terminalState(fd)).toThrow("ENOTTY");
    closeSync(fd);
  });

  test("a terminal: its size, raw mode and back", () => {
    const fd = openSync("/dev/ptmx", "r+");
    setWindowSizeOf(fd, { rows: 33, columns: 111 });
    expect(windowSize(fd)).toEqual({ rows: 33, columns: 111 });
    const before = makeRaw(fd);
    expect(terminalState(fd)).not.toEqual(before);
    setTerminalState(fd, before);
    expect(terminalState(fd)).toEqual(before);
    closeSync(fd);
  });

  test("space is reserved, with and without growing the file", () => {
    const folder = mkdtempSync(join(tmpdir(), "strake-sync-"));
    const path = join(folder, "file");
    writeFileSync(path, "");
    const fd = openSync(path, "r+");
    if (fallocate(fd, 1 << 20, { keepSize: true })) expect(statSync(path).size).toBe(0);
    if (fallocate(fd, 1 << 20)) expect(statSync(path).size).toBe(1 << 20);
    expect(() => fallocate(fd, 2 ** 52)).toThrow(/ENOSPC|EFBIG/);
    truncateSync(path, 0);
    closeSync(fd);
    fsyncDirectory(folder);
    syncFileSystem(folder);
    expect(() => fsyncDirectory(path)).toThrow("ENOTDIR");
    rmSync(folder, { recursive: true });
  });
});
