import { describe, expect, test } from "bun:test";
import { resolveCapabilities } from "./capabilities.ts";
import { defaultSeccomp } from "./seccomp.ts";

const standard = defaultSeccomp("amd64", resolveCapabilities())!;
const rulesFor = (name: string, filter = standard) =>
  filter.syscalls.filter((rule) => rule.names.includes(name));
const isOpen = (name: string, filter = standard) =>
  rulesFor(name, filter).some((rule) => rule.action === "SCMP_ACT_ALLOW" && rule.args === undefined);

describe("the default filter", () => {
  test("refuses with EPERM what it does not name", () => {
    expect(standard.defaultAction).toBe("SCMP_ACT_ERRNO");
    expect(standard.defaultErrnoRet).toBe(1);
  });

  test.each([
    "read",
    "openat2",
    "execve",
    "futex",
    "clone",
    "mknod",
    "chroot",
    "ptrace",
    "arch_prctl",
    "statx",
  ])("lets %s through", (name) => {
    expect(rulesFor(name).some((rule) => rule.action === "SCMP_ACT_ALLOW")).toBe(true);
  });

  test.each([
    "mount",
    "umount2",
    "unshare",
    "setns",
    "bpf",
    "keyctl",
    "add_key",
    "request_key",
    "kexec_load",
    "init_module",
    "finit_module",
    "io_uring_setup",
    "io_uring_enter",
    "perf_event_open",
    "userfaultfd",
    "reboot",
    "swapon",
    "open_by_handle_at",
    "clock_settime",
    "move_pages",
    "nfsservctl",
  ])("keeps %s shut", (name) => {
    expect(rulesFor(name).filter((rule) => rule.action === "SCMP_ACT_ALLOW")).toEqual([]);
  });

  test("clone may not make namespaces, clone3 is not implemented", () => {
    expect(rulesFor("clone")).toEqual([
      {
        names: ["clone"],
        action: "SCMP_ACT_ALLOW",
        args: [{ index: 0, value: 0x7e020000, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }],
      },
    ]);
    expect(rulesFor("clone3")).toEqual([{ names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 38 }]);
  });

  test("sockets of the hypervisor are refused, personality takes five values", () => {
    expect(rulesFor("socket")[0]?.args).toEqual([{ index: 0, value: 40, op: "SCMP_CMP_NE" }]);
    expect(rulesFor("personality").map((rule) => rule.args![0]!.value)).toEqual([
      0x0, 0x0008, 0x20000, 0x20008, 0xffffffff,
    ]);
  });
});

describe("capabilities open calls", () => {
  test.each([
    ["SYS_ADMIN", "mount"],
    ["SYS_ADMIN", "clone3"],
    ["SYS_MODULE", "init_module"],
    ["SYS_TIME", "clock_settime"],
    ["SYS_BOOT", "reboot"],
    ["DAC_READ_SEARCH", "open_by_handle_at"],
    ["SYS_NICE", "mbind"],
    ["SYSLOG", "syslog"],
    ["BPF", "bpf"],
    ["PERFMON", "perf_event_open"],
  ])("%s opens %s", (capability, call) => {
    expect(isOpen(call)).toBe(false);
    expect(isOpen(call, defaultSeccomp("amd64", resolveCapabilities({ add: [capability] })))).toBe(true);
  });
});

test("every processor has its own architectures; unknown ones have no filter", () => {
  expect(standard.architectures).toEqual(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]);
  expect(defaultSeccomp("arm64", [])?.architectures[0]).toBe("SCMP_ARCH_AARCH64");
  const s390 = defaultSeccomp("s390x", [])!;
  expect(rulesFor("clone", s390)[0]?.args?.[0]?.index).toBe(1);
  expect(defaultSeccomp("mips", [])).toBeUndefined();
});
