import { describe, expect, test } from "bun:test";
import { allCapabilities, capabilitySets, grantable, resolveCapabilities } from "./capabilities.ts";

const fourteen = [
  "CAP_AUDIT_WRITE",
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_MKNOD",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_RAW",
  "CAP_SETFCAP",
  "CAP_SETGID",
  "CAP_SETPCAP",
  "CAP_SETUID",
  "CAP_SYS_CHROOT",
];

describe("resolveCapabilities", () => {
  test("gives Docker's fourteen when nothing is asked", () => {
    expect(resolveCapabilities()).toEqual(fourteen);
  });

  test("adds and drops by any spelling", () => {
    const result = resolveCapabilities({ add: ["net_admin", "CAP_SYS_TIME"], drop: ["cap_mknod"] });
    expect(result).toContain("CAP_NET_ADMIN");
    expect(result).toContain("CAP_SYS_TIME");
    expect(result).not.toContain("CAP_MKNOD");
  });

  test("drop ALL leaves what is added; add ALL leaves out what is dropped", () => {
    expect(resolveCapabilities({ drop: ["ALL"], add: ["CHOWN"] })).toEqual(["CAP_CHOWN"]);
    const nearly = resolveCapabilities({ add: ["all"], drop: ["SYS_ADMIN"] });
    expect(nearly).toHaveLength(allCapabilities.length - 1);
    expect(nearly).not.toContain("CAP_SYS_ADMIN");
  });

  test("refuses a name that does not exist", () => {
    expect(() => resolveCapabilities({ add: ["FLY"] })).toThrow(
      expect.objectContaining({ code: "CAPABILITY_UNKNOWN" }),
    );
  });
});

test("CVE-2022-24769: inheritable and ambient sets are empty, also for other users", () => {
  for (const uid of [0, 1000]) {
    const sets = capabilitySets(fourteen, uid);
    expect(sets.inheritable).toEqual([]);
    expect(sets.ambient).toEqual([]);
    expect(sets.bounding).toEqual(fourteen);
    expect(sets.effective).toEqual(uid === 0 ? fourteen : []);
  }
});

test("only what the host itself holds is asked for", () => {
  // Bit 0 is CHOWN, bit 27 is MKNOD.
  expect(grantable(["CAP_CHOWN", "CAP_MKNOD"], 1n)).toEqual(["CAP_CHOWN"]);
  expect(grantable(["CAP_CHOWN", "CAP_MKNOD"], (1n << 27n) | 1n)).toEqual(["CAP_CHOWN", "CAP_MKNOD"]);
});
