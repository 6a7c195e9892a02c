import { afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StrakeError } from "../errors/index.ts";
import { hasCapSysAdmin } from "./capability.ts";
import { errnoOf } from "./errno.ts";
import { supportedFileSystems } from "./kernel.ts";
import { bindMount, mount, mountFlags, umount, umountFlags } from "./mount.ts";
import { mountOverlay } from "./mount-overlay.ts";
import { readMountInfo } from "./mountinfo.ts";
import { enterPrivateMountNamespace, inPrivateMountNamespace } from "./namespace.ts";

const able = hasCapSysAdmin() && supportedFileSystems().has("overlay");
if (!able) console.log("skipped: mount tests need CAP_SYS_ADMIN and overlayfs");

let dir = "";
const made: string[] = [];

function workspace(): string {
  dir = mkdtempSync(join(tmpdir(), "strake-mount-"));
  made.push(dir);
  return dir;
}

afterEach(() => {
  for (const { mountPoint } of readMountInfo().reverse())
    if (dir !== "" && mountPoint.startsWith(dir)) umount(mountPoint, umountFlags.detach);
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
});

function thrown(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

describe.skipIf(!able)("mount", () => {
  beforeAll(() => {
    enterPrivateMountNamespace();
  });

  test("entering a private mount namespace is idempotent and leaves the mounts slaves of the host's", () => {
    enterPrivateMountNamespace();
    expect(inPrivateMountNamespace()).toBe(true);
    const root = readMountInfo().find((info) => info.mountPoint === "/")!;
    expect(root.propagation.some((field) => field.startsWith("shared:"))).toBe(false);
  });

  test("a mount appears in mountinfo with its options and is gone after umount", () => {
    const target = join(workspace(), "with space");
    mkdirSync(target);
    mount({ source: "tmpfs", target, type: "tmpfs", data: "size=64k" });
    const info = readMountInfo().find(({ mountPoint }) => mountPoint === target);
    expect(info?.type).toBe("tmpfs");
    expect(info?.superOptions).toContain("size=64k");
    umount(target);
    expect(readMountInfo().some(({ mountPoint }) => mountPoint === target)).toBe(false);
  });

  test("a full file system is an exhausted error with a hint", () => {
    const target = workspace();
    mount({ source: "tmpfs", target, type: "tmpfs", data: "size=64k" });
    const error = thrown(() => writeFileSync(join(target, "big"), new Uint8Array(1 << 20)));
    expect(errnoOf(error)).toBe("ENOSPC");
    umount(target, umountFlags.detach);
  });

  test("umount of what is not mounted says the call, the path and the errno", () => {
    const target = workspace();
    const error = thrown(() => umount(target)) as StrakeError;
    expect(error).toBeInstanceOf(StrakeError);
    expect(error.code).toBe("SYS_INVALID");
    expect(error.message).toBe(`umount2 ${target}: EINVAL: invalid argument`);
  });

  test("an unknown file system is unsupported", () => {
    const error = thrown(() => mount({ source: "none", target: workspace(), type: "no-such-fs" }));
    expect((error as StrakeError).class).toBe("unsupported");
  });

  test("a read-only bind mount is so for what is mounted below it, and keeps nosuid and nodev", () => {
    const base = workspace();
    const [source, target] = ["source", "target"].map((name) => join(base, name)) as [string, string];
    for (const path of [source, target]) mkdirSync(path);
    mount({ source: "tmpfs", target: source, type: "tmpfs", flags: mountFlags.nosuid | mountFlags.nodev });
    mkdirSync(join(source, "below"));
    mount({ source: "tmpfs", target: join(source, "below"), type: "tmpfs" });
    bindMount(source, target, { recursive: true, readonly: true });
    for (const path of ["file", "below/file"])
      expect(errnoOf(thrown(() => writeFileSync(join(target, path), "")))).toBe("EROFS");
    writeFileSync(join(source, "file"), "");
    const info = readMountInfo().find(({ mountPoint }) => mountPoint === target)!;
    expect(info.options).toEqual(expect.arrayContaining(["ro", "nosuid", "nodev"]));
  });

  function stack(
    count: number,
    prefix = "",
  ): { lower: string[]; upper: string; work: string; target: string } {
    const base = join(workspace(), `${prefix}layers-with-a-rather-long-name-so-that-a-page-is-soon-full`);
    const lower = Array.from({ length: count }, (_, index) => join(base, String(index)));
    for (const [index, path] of lower.entries()) {
      mkdirSync(path, { recursive: true });
      writeFileSync(join(path, `file-${index}`), String(index));
      writeFileSync(join(path, "same"), String(index));
    }
    const [upper, work, target] = ["upper", "work", "target"].map((name) => join(base, name));
    for (const path of [upper!, work!, target!]) mkdirSync(path);
    return { lower, upper: upper!, work: work!, target: target! };
  }

  for (const count of [1, 3, 128, 500])
    test(`an overlay of ${count} lower layers shows the top one's files first`, () => {
      const overlay = stack(count);
      mountOverlay(overlay);
      expect(readFileSync(join(overlay.target, "same"), "utf8")).toBe("0");
      expect(readdirSync(overlay.target).length).toBe(count + 1);
      writeFileSync(join(overlay.target, "same"), "changed");
      expect(readFileSync(join(overlay.upper, "same"), "utf8")).toBe("changed");
      expect(readFileSync(join(overlay.lower[0]!, "same"), "utf8")).toBe("0");
    });

  for (const api of [undefined, "parameters", "descriptors"] as const)
    test(`names with commas, colons, spaces and backslashes work through ${api ?? "an option string"}`, () => {
      const overlay = stack(3, "a,b:c d\\e");
      mountOverlay({ ...overlay, api, options: ["index=off", "metacopy=off"] });
      expect(readdirSync(overlay.target).length).toBe(4);
      writeFileSync(join(overlay.target, "new"), "1");
      expect(readdirSync(overlay.upper)).toEqual(["new"]);
    });

  test("300 layers through descriptors, for kernels without lowerdir+, leave the working directory alone", () => {
    const overlay = stack(300);
    const before = process.cwd();
    mountOverlay({ ...overlay, api: "descriptors" });
    expect(process.cwd()).toBe(before);
    expect(readdirSync(overlay.target).length).toBe(301);
  });

  test("without an upper directory the overlay is read-only", () => {
    const { lower, target } = stack(2);
    mountOverlay({ lower, target });
    expect(errnoOf(thrown(() => writeFileSync(join(target, "x"), "")))).toBe("EROFS");
  });

  test("501 lower layers are refused before the kernel sees them", () => {
    const error = thrown(() => mountOverlay({ lower: Array(501).fill("/"), target: "/nowhere" }));
    expect((error as StrakeError).message).toContain("1 to 500 lower layers");
  });
});
