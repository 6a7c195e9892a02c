import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chmodDescriptorPath, chownAt, fchmod, setTimesAt } from "./attributes.ts";
import { capabilities } from "./capability.ts";
import { errnoOf } from "./errno.ts";
import {
  linkAt,
  makeDevice,
  mkdirAt,
  mkfifoAt,
  mknodAt,
  renameAt,
  renameFlags,
  rmdirAt,
  splitDevice,
  symlinkAt,
  unlinkAt,
} from "./node.ts";
import { atCwd, closeFd, openAt, openDirectory, readlinkAt } from "./open.ts";
import { openFlags, resolveFlags } from "./open-flags.ts";

const mayMakeDevices = capabilities().effective.has("CAP_MKNOD");
if (!mayMakeDevices) console.log("skipped: device nodes and owners need root");

let path = "";
let directory = -1;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), "strake-node-"));
  directory = openDirectory(path);
});
afterEach(() => {
  closeFd(directory);
  rmSync(path, { recursive: true });
});

function errnoFrom(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    return errnoOf(error) ?? (error as { code?: string }).code;
  }
  return "nothing thrown";
}

describe.skipIf(process.platform !== "linux")("names in a directory", () => {
  test("directories: made once, removed once", () => {
    expect([mkdirAt(directory, "d", 0o750), mkdirAt(directory, "d", 0o700)]).toEqual([true, false]);
    expect(lstatSync(join(path, "d")).mode & 0o7777).toBe(0o750);
    expect([rmdirAt(directory, "d"), rmdirAt(directory, "d")]).toEqual([true, false]);
  });

  test("files: unlink tells whether there was one", () => {
    writeFileSync(join(path, "f"), "");
    expect([unlinkAt(directory, "f"), unlinkAt(directory, "f")]).toEqual([true, false]);
    mkdirAt(directory, "d", 0o700);
    expect(errnoFrom(() => unlinkAt(directory, "d"))).toBe("EISDIR");
  });

  test("a hardlink to a symlink links the symlink, not what it leads to (CVE-2021-32760)", () => {
    writeFileSync(join(path, "target"), "");
    symlinkAt("target", directory, "link");
    linkAt(directory, "link", directory, "second");
    expect(readlinkSync(join(path, "second"))).toBe("target");
    expect(lstatSync(join(path, "target")).nlink).toBe(1);
  });

  test("rename: refuses to replace, exchanges", () => {
    for (const name of ["a", "b"]) writeFileSync(join(path, name), name);
    expect(errnoFrom(() => renameAt(directory, "a", directory, "b", renameFlags.noReplace))).toBe("EEXIST");
    renameAt(directory, "a", directory, "b", renameFlags.exchange);
    expect(readFileSync(join(path, "a"), "utf8")).toBe("b");
    renameAt(directory, "a", directory, "b");
    expect(readdirSync(path)).toEqual(["b"]);
  });

  test("names that are not UTF-8 keep their bytes", () => {
    mkdirAt(directory, "\udcff\u00e9", 0o700);
    expect(
      readdirSync(path, { encoding: "buffer" }).map((name) => (name as unknown as Buffer).toString("hex")),
    ).toEqual(["ffc3a9"]);
    symlinkAt("/\udcfe", directory, "link");
    expect(Buffer.from(readlinkAt(directory, "link")).toString("hex")).toBe("2ffe");
    rmdirAt(directory, "\udcff\u00e9");
  });

  test("a name with NUL is refused before the kernel would cut it", () => {
    expect(errnoFrom(() => mkdirAt(directory, "a\0b", 0o700))).toBe("SYS_INVALID");
    expect(readdirSync(path)).toEqual([]);
  });

  test("fifo, and its mode through an O_PATH descriptor without opening it", () => {
    mkfifoAt(directory, "pipe", 0);
    const fd = openAt(directory, "pipe", { flags: openFlags.path | openFlags.nofollow });
    chmodDescriptorPath(fd, 0o640);
    closeFd(fd);
    expect(lstatSync(join(path, "pipe")).isFIFO()).toBe(true);
    expect(lstatSync(join(path, "pipe")).mode & 0o7777).toBe(0o640);
  });

  test.skipIf(!mayMakeDevices)("device nodes with large numbers", () => {
    mknodAt(directory, "dev", { type: "block", mode: 0o600, major: 259, minor: 70000 });
    const stat = lstatSync(join(path, "dev"));
    expect(stat.isBlockDevice()).toBe(true);
    expect(splitDevice(stat.rdev)).toEqual({ major: 259, minor: 70000 });
  });

  test.skipIf(!mayMakeDevices)(
    "owner and times of a symlink itself, before the epoch to the nanosecond",
    () => {
      writeFileSync(join(path, "target"), "");
      symlinkAt("target", directory, "link");
      chownAt(directory, "link", 12, 4_000_000_000);
      setTimesAt(directory, "link", { sec: 1, nsec: 2 }, { sec: -7, nsec: 999_999_999 });
      const link = lstatSync(join(path, "link"), { bigint: true });
      expect([link.uid, link.gid, link.mtimeNs]).toEqual([12n, 4_000_000_000n, -6_000_000_001n]);
      expect(lstatSync(join(path, "target")).uid).toBe(0);
    },
  );
});

describe("device numbers", () => {
  for (const [major, minor] of [
    [0, 0],
    [1, 3],
    [259, 0],
    [4095, 1048575],
  ] as const)
    test(`${major}:${minor} there and back`, () => {
      expect(splitDevice(makeDevice(major, minor))).toEqual({ major, minor });
    });

  for (const [major, minor] of [
    [4096, 0],
    [0, 1048576],
    [-1, 0],
    [0, -1],
  ] as const)
    test(`${major}:${minor} is refused`, () => {
      expect(() => makeDevice(major, minor)).toThrow("no device number");
    });
});

describe.skipIf(process.platform !== "linux")("opening below a directory", () => {
  beforeEach(() => {
    mkdirAt(directory, "etc", 0o700);
    writeFileSync(join(path, "etc/passwd"), "inside");
    symlinkAt("/etc/passwd", directory, "absolute");
    symlinkAt("../../../../../../../../etc/passwd", directory, "climbing");
    symlinkAt("/proc/self/root", directory, "magic");
  });

  const open = (name: string, resolve: number) => {
    const fd = openAt(directory, name, { flags: openFlags.readOnly, resolve });
    try {
      return readFileSync(fd, "utf8");
    } finally {
      closeFd(fd);
    }
  };

  for (const name of ["absolute", "climbing", "/etc/passwd", "../etc/passwd"])
    test(`in root, ${name} stays inside`, () => {
      expect(open(name, resolveFlags.inRoot)).toBe("inside");
    });

  for (const name of ["absolute", "climbing", "/etc/passwd", "../etc/passwd", "magic/etc/passwd"])
    test(`beneath, ${name} is refused`, () => {
      expect(errnoFrom(() => open(name, resolveFlags.beneath))).toBe("EXDEV");
    });

  test("without symlinks, a symlink is refused wherever it stands", () => {
    expect(errnoFrom(() => open("absolute", resolveFlags.noSymlinks))).toBe("ELOOP");
  });

  test("descriptors are closed on exec", () => {
    const fd = openAt(atCwd, "/", { flags: openFlags.path });
    const flags = /flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))![1]!;
    expect(Number.parseInt(flags, 8) & openFlags.cloexec).toBe(openFlags.cloexec);
    closeFd(fd);
  });

  test("fchmod of a descriptor sets setuid", () => {
    const fd = openAt(directory, "etc/passwd", { flags: openFlags.readOnly });
    fchmod(fd, 0o4755);
    closeFd(fd);
    expect(lstatSync(join(path, "etc/passwd")).mode & 0o7777).toBe(0o4755);
  });
});
