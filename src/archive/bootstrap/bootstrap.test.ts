import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { makeStore } from "../../../test/support/archives.ts";
import { Tree } from "../../layer/index.ts";
import { decodeConfig } from "../../oci/index.ts";
import { bootstrapBusybox } from "./busybox.ts";
import { bootstrapDebian, suiteName } from "./debian.ts";
import { fateOf, plainPath, settleShadow } from "./tidy.ts";

describe("what a fresh root file system keeps", () => {
  test.each([
    ["etc/passwd", "keep"],
    ["etc/machine-id", "empty"],
    ["etc/hostname", "drop"],
    ["etc/resolv.conf", "drop"],
    ["etc/shadow-", "drop"],
    ["var/log/dpkg.log", "drop"],
    ["var/lib/apt/lists/deb.debian.org_InRelease", "drop"],
    ["var/lib/apt/lists/partial", "keep"],
    ["var/cache/apt/pkgcache.bin", "drop"],
    ["var/cache/ldconfig/aux-cache", "drop"],
    ["var/cache/debconf/config.dat-old", "drop"],
    ["var/cache/debconf/config.dat", "keep"],
    ["var/lib/dpkg/status", "keep"],
    ["var/lib/dpkg/status-old", "drop"],
    ["dev/null", "drop"],
    ["dev", "keep"],
    ["tmp", "keep"],
    ["usr/bin/env", "keep"],
  ] as const)("%s: %s", (path, fate) => {
    expect(fateOf(path, "file")).toBe(fate);
  });

  test("folders of logs stay", () => expect(fateOf("var/log/apt", "directory")).toBe("keep"));

  test("paths and the day in shadow", () => {
    expect(["./usr/bin/", "/a", "./", "."].map(plainPath)).toEqual(["usr/bin", "a", "", ""]);
    expect(settleShadow("root:*:20413:0:99999:7:::\nx:!::::::\n", 86_400 * 20_000)).toBe(
      "root:*:20000:0:99999:7:::\nx:!::::::\n",
    );
  });

  test("suites by name and number", () => {
    expect(["", "12", "trixie"].map(suiteName)).toEqual(["bookworm", "bookworm", "trixie"]);
    for (const bad of ["--help", "Bookworm", "a b", "/x"])
      expect(() => suiteName(bad)).toThrow("is not a Debian suite");
  });
});

let bed: ReturnType<typeof makeStore>;
beforeAll(() => {
  bed = makeStore();
});
afterAll(() => bed.remove());

const hasBusybox = Bun.which("busybox") !== null;
if (!hasBusybox) console.log("skipped: bootstrap busybox: busybox-static is not installed");

test.skipIf(!hasBusybox)("busybox: the same image every time, with a shell and accounts", async () => {
  using lease = bed.store.lease();
  const image = await bootstrapBusybox(bed.store, { lease });
  expect((await bootstrapBusybox(bed.store, { lease })).id).toBe(image.id);
  using tree = Tree.open(bed.store.layers.all(image.diffIDs));
  expect(tree.lookup("/bin/sh")?.key).toBe(tree.lookup("/bin/busybox")?.key);
  expect(tree.lookup("/tmp")?.mode).toBe(0o1777);
  expect(Buffer.from(tree.readFile("/etc/passwd")).toString()).toStartWith("root:x:0:0:");
});

const obstacle =
  Bun.which("mmdebstrap") === null
    ? "mmdebstrap is not installed"
    : process.getuid?.() !== 0
      ? "mmdebstrap needs root here"
      : undefined;
if (obstacle !== undefined) console.log(`skipped: bootstrap debian: ${obstacle}`);

test.skipIf(obstacle !== undefined)(
  "debian: two runs give the same image, without a trace of the machine",
  async () => {
    using lease = bed.store.lease();
    const first = await bootstrapDebian(bed.store, { suite: "12", lease });
    const second = await bootstrapDebian(bed.store, { suite: "bookworm", lease });
    expect(second.diffIDs).toEqual(first.diffIDs);
    expect(second.id).toBe(first.id);
    const { value } = decodeConfig(bed.store.blobs.readSync(first.id));
    using tree = Tree.open(bed.store.layers.all(first.diffIDs));
    expect(tree.lookup("/etc/machine-id")?.size ?? 0).toBe(0);
    for (const gone of ["/etc/resolv.conf", "/etc/hostname", "/var/log/dpkg.log", "/dev/null"])
      expect(tree.lookup(gone)).toBeUndefined();
    expect(Buffer.from(tree.readFile("/etc/os-release")).toString()).toContain("bookworm");
    const newest = Math.max(...[...tree.walk("/")].map(({ node }) => node.mtime));
    expect(newest * 1000).toBe(Date.parse(value.created!));
  },
  600_000,
);
