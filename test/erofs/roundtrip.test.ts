import { afterAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Draft, makeTar } from "../../src/erofs/draft.test-support.ts";
import { verifyRoundtrip } from "./roundtrip.ts";

const folder = mkdtempSync(join(tmpdir(), "strake-roundtrip-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const hasTar = spawnSync("tar", ["--version"], { encoding: "utf8" }).stdout?.includes("GNU tar") ?? false;
if (!hasTar) console.log("skipped: no GNU tar to make sparse archives and one of this machine's files");

function agrees(tar: string): number {
  const { entries, differences, skipped } = verifyRoundtrip(tar);
  for (const reason of skipped) console.log(`not checked: ${reason}`);
  expect(differences).toEqual([]);
  return entries;
}

async function agreesOn(drafts: Draft[]): Promise<void> {
  const path = join(folder, "drafts.tar");
  writeFileSync(path, await makeTar(drafts));
  expect(agrees(path)).toBe(drafts.length);
}

const attributes = (values: Record<string, string>) =>
  new Map(Object.entries(values).map(([name, value]) => [name, Buffer.from(value)]));

describe("tar, reader, kernel and fsck.erofs agree on", () => {
  test("modes, owners and times at their ends", () =>
    agreesOn([
      { path: "./", mode: 0o1755, mtime: 77 },
      { path: "suid", mode: 0o6755, body: "x", uid: 3_000_000_000, gid: 4_294_967_294 },
      { path: "none", mode: 0, mtime: -5, mtimeNsec: 250_000_000 },
      { path: "later", mtime: 2 ** 33, mtimeNsec: 999_999_999 },
      { path: "sticky/", mode: 0o1777, uid: 65535, gid: 65536 },
    ]));

  test("devices, fifos, hardlinks", () =>
    agreesOn([
      { path: "null", type: "char", devmajor: 1, devminor: 3 },
      { path: "big", type: "block", devmajor: 4095, devminor: 1_048_575 },
      { path: "fifo", type: "fifo" },
      { path: "file", body: "f" },
      { path: "again", type: "hardlink", linkname: "file" },
      { path: "link", linkname: "/file" },
      { path: "linked", type: "hardlink", linkname: "link" },
      { path: "node", type: "hardlink", linkname: "null" },
    ]));

  test("symlink targets around the size of a block", () =>
    agreesOn(
      [1, 400, 447, 448, 449, 480, 511, 512, 513, 1000, 4095].map((size) => ({
        path: `${size}`,
        linkname: "z".repeat(size),
      })),
    ));

  test("names: long, not UTF-8, beyond the BMP, before the dot", () =>
    agreesOn(
      ["a".repeat(255), "\udcff\udc80z", "\u{1f600}", "\ue000", "!", "-", " ", "new\nline"].map((path) => ({
        path,
        body: path.slice(0, 1) === "a" ? "q" : "",
      })),
    ));

  test("deep and large directories", () =>
    agreesOn([
      { path: `deep${"/d".repeat(1500)}/`, mode: 0o700 },
      ...Array.from({ length: 4000 }, (_, i) => ({ path: `large/file-${i}`, uid: i, body: `${i}` })),
    ]));

  test("extended attributes inline, shared and large", () =>
    agreesOn([
      { path: "one", xattrs: attributes({ "user.a": "1", "security.selinux": "label\0" }) },
      {
        path: "two",
        xattrs: attributes({ "user.a": "1", "security.selinux": "label\0", "trusted.t": "z".repeat(600) }),
        body: "x",
      },
      { path: "dir/", xattrs: attributes({ "user.a": "1", "user.b": "w".repeat(3000), "user.empty": "" }) },
      {
        path: "link",
        linkname: "foo".repeat(100),
        xattrs: attributes({ "security.selinux": "label\0", "trusted.b": "v".repeat(200) }),
      },
      { path: "full", xattrs: attributes({ "user.b": "z".repeat(60_000) }), body: "abc".repeat(1000) },
      {
        path: "cap",
        mode: 0o755,
        xattrs: new Map([
          ["security.capability", Buffer.from("0100000200200000000000000000000000000000", "hex")],
        ]),
      },
    ]));

  test("replaced entries", () =>
    agreesOn([
      { path: "d/x", body: "1" },
      { path: "d", body: "22" },
      { path: "f", body: "1" },
      { path: "h", type: "hardlink", linkname: "f" },
      { path: "f", body: "333" },
    ]));

  for (const format of ["gnu", "pax"])
    test.skipIf(!hasTar)(
      `sparse files of GNU tar, ${format} format`,
      () => {
        const files = join(folder, `sparse-${format}`);
        mkdirSync(files);
        makeSparse(join(files, "hole"), 3 << 20, []);
        makeSparse(join(files, "middle"), 3 << 20, [1_000_000]);
        makeSparse(join(files, "end"), (3 << 20) - 5, [(3 << 20) - 8]);
        makeSparse(join(files, "huge"), 30 * 2 ** 30, [20_000_000, 20_000_000_000]);
        const tar = join(folder, `${format}.tar`);
        expect(
          spawnSync("tar", ["--sparse", `--format=${format}`, "-cf", tar, "-C", folder, `sparse-${format}`])
            .status,
        ).toBe(0);
        expect(agrees(tar)).toBe(5);
      },
      120_000,
    );

  test.skipIf(!hasTar)(
    "files of this machine",
    () => {
      const sources = [
        "usr/share/zoneinfo",
        "usr/share/perl5",
        "usr/share/terminfo",
        "etc/alternatives",
        "usr/lib/tmpfiles.d",
      ];
      const present = sources.filter((source) => existsSync(`/${source}`));
      const tar = join(folder, "machine.tar");
      spawnSync("tar", ["--xattrs", "--format=pax", "-cf", tar, "-C", "/", ...present]);
      expect(agrees(tar)).toBeGreaterThan(100);
    },
    120_000,
  );

  const whole = process.env.STRAKE_ROUNDTRIP_TAR;
  if (!whole)
    console.log(
      "skipped: the whole root file system; name its tar in STRAKE_ROUNDTRIP_TAR or run scripts/verify-roundtrip.ts",
    );
  test.skipIf(!whole)(
    "a whole root file system",
    () => {
      expect(agrees(whole!)).toBeGreaterThan(1000);
    },
    300_000,
  );
});

function makeSparse(path: string, size: number, data: readonly number[]): void {
  const fd = openSync(path, "w");
  for (const offset of data) writeSync(fd, "xyz", offset);
  truncateSync(path, size);
}
