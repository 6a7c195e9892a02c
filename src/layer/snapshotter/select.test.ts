import { describe, expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { parseKernelVersion } from "../../sys/index.ts";
import type { Host } from "./host.ts";
import { selectSnapshotter, snapshotterByName, surveySnapshotters, whyUnusable } from "./select.ts";

const good: Host = {
  linux: true,
  kernel: parseKernelVersion("6.18.44"),
  mayMount: true,
  userNamespace: false,
  hasFileSystem: () => true,
  storeType: "ext4",
};

describe("the best snapshotter that works", () => {
  for (const [what, change, best] of [
    ["a new kernel as root", {}, "erofs"],
    ["Linux 6.12", { kernel: parseKernelVersion("6.12.0") }, "erofs"],
    ["Debian 12's kernel", { kernel: parseKernelVersion("6.1.0-18-amd64") }, "overlay"],
    ["a kernel without EROFS", { hasFileSystem: (name: string) => name !== "erofs" }, "overlay"],
    ["a user namespace", { userNamespace: true }, "overlay"],
    [
      "an old kernel in a user namespace",
      { userNamespace: true, kernel: parseKernelVersion("5.4.0") },
      "copy",
    ],
    ["a store on tmpfs", { storeType: "tmpfs" }, "overlay"],
    ["no right to mount", { mayMount: false }, "copy"],
    ["a store on overlayfs, as inside a container", { storeType: "overlay" }, "copy"],
    ["a kernel without overlayfs", { hasFileSystem: (name: string) => name !== "overlay" }, "copy"],
  ] as const)
    test(`on ${what} is ${best}`, () => {
      expect(selectSnapshotter({ root: "/", env: {}, host: { ...good, ...change } }).name).toBe(best);
    });

  test("off Linux there is none", () => {
    expect(() => selectSnapshotter({ root: "/", env: {}, host: { ...good, linux: false } })).toThrow(
      "not Linux",
    );
  });
});

describe("STRAKE_SNAPSHOTTER", () => {
  const select = (name: string, change: Partial<Host> = {}) =>
    selectSnapshotter({ root: "/", env: { STRAKE_SNAPSHOTTER: name }, host: { ...good, ...change } });

  test("picks one", () => {
    for (const name of ["erofs", "overlay", "copy"]) expect<string>(select(name).name).toBe(name);
  });

  test("empty counts as unset", () => expect(select("").name).toBe("erofs"));

  test("an unusable choice is an error with the reason, not another choice", () => {
    expect(() => select("erofs", { kernel: parseKernelVersion("6.1.0") })).toThrow(
      "STRAKE_SNAPSHOTTER=erofs cannot be used here: mounting EROFS from files needs Linux 6.12, this is 6.1.0",
    );
  });

  test("an unknown name is an error with the names there are", () => {
    expect(() => select("zfs")).toThrow('there is no snapshotter "zfs"');
    expect(() => snapshotterByName("constructor")).toThrow("there is no snapshotter");
  });
});

test.skipIf(process.platform !== "linux")("this machine's survey agrees with its choice", () => {
  const survey = surveySnapshotters(tmpdir());
  expect(survey.map(({ name }) => name)).toEqual(["erofs", "overlay", "copy"]);
  const first = survey.find(({ unusable }) => unusable === undefined);
  expect(selectSnapshotter({ root: tmpdir(), env: {} }).name).toBe(first!.name);
  expect(whyUnusable("copy", good)).toBeUndefined();
});
