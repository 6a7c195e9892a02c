import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { StrakeError } from "../../errors/index.ts";
import { enterPrivateMountNamespace, getuid, mount, setXattr } from "../../sys/index.ts";
import type { Draft } from "../layer.test-support.ts";
import { describeBreakouts } from "./breakouts.test-support.ts";
import { hostOf } from "./host.ts";
import { whyUnusable } from "./select.ts";
import type { Snapshotter } from "./snapshotter.ts";
import { seeDirectory, seeTree, TestBed } from "./test-bed.test-support.ts";
import { layersPlace } from "./upper.ts";

/** Time 0 would hide a time that is never set. */
const time = { mtime: 1_600_000_000, mtimeNsec: 123_456_789 };

/** One of everything a layer can hold. */
const base: readonly Draft[] = [
  { path: "./", mode: 0o711, uid: 3, gid: 4, ...time },
  { path: "etc/", ...time },
  { path: "etc/passwd", body: "root:x:0:0::/root:/bin/sh\n", ...time },
  { path: "etc/shadow", body: "x", mode: 0o640, gid: 42, ...time },
  { path: "bin/", ...time },
  { path: "bin/su", body: "elf", mode: 0o4755, ...time },
  { path: "bin/link", type: "hardlink", linkname: "bin/su", mode: 0o4755, ...time },
  { path: "bin/sh", linkname: "/bin/su", uid: 7, ...time },
  { path: "tmp/", mode: 0o1777, ...time },
  { path: "dev/", ...time },
  { path: "dev/null", type: "char", devmajor: 1, devminor: 3, mode: 0o666, ...time },
  { path: "dev/pipe", type: "fifo", mode: 0o600, ...time },
  { path: "old", body: "before the epoch", mtime: -5, mtimeNsec: 7 },
  { path: "empty", ...time },
  { path: "caf\u00e9 \udcff", body: "a name that is not UTF-8", ...time },
  { path: "big", body: Buffer.alloc(300_000, "0123456789"), ...time },
  {
    path: "xattr",
    body: "x",
    xattrs: new Map([
      ["user.note", Buffer.from("hello")],
      ["security.capability", capability()],
    ]),
    ...time,
  },
  { path: "dir/", ...time },
  { path: "dir/a", body: "a", ...time },
  { path: "dir/b", body: "b", ...time },
  { path: "dir/sub/", ...time },
  { path: "dir/sub/c", body: "c", ...time },
  { path: "hidden/", ...time },
  { path: "hidden/x", body: "x", ...time },
  { path: "becomes-file/", ...time },
  { path: "becomes-file/x", body: "x", ...time },
  { path: "becomes-dir", body: "file", ...time },
];

/** Replaces, removes and hides what is in `base`. */
const top: readonly Draft[] = [
  { path: "./", mode: 0o711, uid: 3, gid: 4, ...time },
  { path: "etc/", ...time },
  { path: "etc/passwd", body: "changed\n", ...time },
  { path: "dir/", ...time },
  { path: "dir/.wh.a" },
  { path: "hidden/", ...time },
  { path: "hidden/.wh..wh..opq" },
  { path: "hidden/y", body: "y", ...time },
  { path: "becomes-file", body: "file", ...time },
  { path: "becomes-dir/", ...time },
  { path: "becomes-dir/x", body: "x", ...time },
];

/** cap_net_raw=ep, in the kernel's version 2 layout. */
function capability(): Uint8Array {
  const bytes = Buffer.alloc(20);
  bytes.writeUInt32LE(0x02000001, 0);
  bytes.writeUInt32LE(1 << 13, 4);
  return bytes;
}

/** The suite every snapshotter passes. Skips, saying why, where the machine cannot run it. */
export function snapshotterConformance(create: () => Snapshotter): void {
  const { name } = create();
  const reason = getuid() !== 0 ? "the suite needs root" : whyUnusable(name, hostOf("/tmp"));
  if (reason !== undefined) console.log(`skipped: snapshotter ${name}: ${reason}`);

  describe.skipIf(reason !== undefined)(`snapshotter ${name}`, () => {
    let bed: TestBed;
    beforeAll(() => {
      enterPrivateMountNamespace();
      bed = new TestBed(create());
    });
    afterAll(() => bed.end());

    describeMount(() => bed);
    describeDiff(() => bed);
    describeBreakouts(() => bed);
  });
}

function describeMount(bed: () => TestBed): void {
  test("shows one layer exactly as its tree has it", async () => {
    const layers = [await bed().layer(base)];
    const mount = await bed().mount(layers);
    expect(seeDirectory(mount.rootfs)).toEqual(seeTree(layers));
    const [a, b] = ["bin/su", "bin/link"].map((path) => statSync(join(mount.rootfs, path)));
    expect(a!.ino).toBe(b!.ino);
    expect(a!.nlink).toBe(2);
    mount.unmount();
  });

  test("merges layers: replaced, removed, hidden, file for directory, directory for file", async () => {
    const layers = [await bed().layer(base), await bed().layer(top)];
    const mount = await bed().mount(layers);
    expect(seeDirectory(mount.rootfs)).toEqual(seeTree(layers));
    expect(readFileSync(join(mount.rootfs, "etc/passwd"), "utf8")).toBe("changed\n");
    expect(readdirSync(join(mount.rootfs, "dir")).sort()).toEqual(["b", "sub"]);
    expect(readdirSync(join(mount.rootfs, "hidden"))).toEqual(["y"]);
    mount.unmount();
  });

  test("an opaque mark on the root hides all layers below", async () => {
    const layers = [
      await bed().layer(base),
      await bed().layer([{ path: ".wh..wh..opq" }, { path: "only", body: "1" }]),
    ];
    const mount = await bed().mount(layers);
    expect(readdirSync(mount.rootfs)).toEqual(["only"]);
    mount.unmount();
  });

  test("gives the root directory the image's mode, owner and time", async () => {
    const mount = await bed().mount([await bed().layer(base)]);
    const { mode, uid, gid, mtimeMs } = statSync(mount.rootfs);
    expect([mode & 0o7777, uid, gid, Math.floor(mtimeMs / 1000)]).toEqual([0o711, 3, 4, time.mtime]);
    mount.unmount();
  });

  test("works without any layer", async () => {
    const mount = await bed().mount([]);
    expect(readdirSync(mount.rootfs)).toEqual([]);
    writeFileSync(join(mount.rootfs, "new"), "1");
    expect(await bed().diff(mount.place)).toEqual(["new file"]);
    mount.unmount();
  });

  test("stacks 130 layers, the last on top", async () => {
    const layers = [];
    for (let i = 0; i < 130; i++)
      layers.push(
        await bed().layer([
          { path: `file-${i}`, body: "" },
          { path: "same", body: String(i) },
        ]),
      );
    const mount = await bed().mount(layers);
    expect(readdirSync(mount.rootfs).length).toBe(131);
    expect(readFileSync(join(mount.rootfs, "same"), "utf8")).toBe("129");
    mount.unmount();
  });

  test("mounts for reading only leave no writable layer behind", async () => {
    for (const count of [0, 1, 2]) {
      const layers = await Promise.all([base, top].slice(0, count).map((drafts) => bed().layer(drafts)));
      const place = { ...bed().place(layers), readonly: true };
      const mount = await bed().snapshotter.mount(place);
      expect(seeDirectory(mount.rootfs)).toEqual(seeTree(layers));
      expect(await bed().diff(place)).toEqual([]);
      mount.unmount();
    }
  });

  test("device nodes work", async () => {
    const mount = await bed().mount([await bed().layer(base)]);
    writeFileSync(join(mount.rootfs, "dev/null"), "gone");
    expect(readFileSync(join(mount.rootfs, "dev/null"), "utf8")).toBe("");
    mount.unmount();
  });

  test("two root file systems of the same layers do not see each other's writes", async () => {
    const layers = [await bed().layer(base)];
    const [one, two] = [await bed().mount(layers), await bed().mount(layers)];
    appendFileSync(join(one.rootfs, "etc/passwd"), "one");
    unlinkSync(join(one.rootfs, "dir/a"));
    expect(readFileSync(join(two.rootfs, "etc/passwd"), "utf8")).not.toContain("one");
    expect(existsSync(join(two.rootfs, "dir/a"))).toBe(true);
    expect(seeDirectory(two.rootfs)).toEqual(seeTree(layers));
    one.unmount();
    two.unmount();
  });

  test("leaves at most one mount, on the target, and none after unmount, which can be repeated", async () => {
    const before = bed().mounted();
    const mount = await bed().mount([await bed().layer(base), await bed().layer(top)]);
    const added = bed()
      .mounted()
      .filter((path) => !before.includes(path));
    expect(added).toEqual(bed().snapshotter.mounts ? [mount.place.target] : []);
    mount.unmount();
    mount.unmount();
    bed().snapshotter.unmount(mount.place);
    expect(bed().mounted()).toEqual(before);
  });

  test("what was written is there again at the next mount", async () => {
    const first = await bed().mount([await bed().layer(base)]);
    writeFileSync(join(first.rootfs, "kept"), "1");
    unlinkSync(join(first.rootfs, "dir/a"));
    first.unmount();
    const second = await bed().snapshotter.mount(first.place);
    expect(readFileSync(join(second.rootfs, "kept"), "utf8")).toBe("1");
    expect(existsSync(join(second.rootfs, "dir/a"))).toBe(false);
    second.unmount();
  });

  test("a volatile workspace can be mounted again while the machine runs", async () => {
    const place = { ...bed().place([await bed().layer(base)]), volatile: true };
    for (const turn of ["first", "second"]) {
      const { rootfs } = await bed().snapshotter.mount(place);
      writeFileSync(join(rootfs, turn), turn);
      if (turn === "second") expect(readFileSync(join(rootfs, "first"), "utf8")).toBe("first");
      bed().snapshotter.unmount(place);
    }
  });

  test("a volatile workspace can be written and read out", async () => {
    const place = { ...bed().place([await bed().layer(base)]), volatile: true };
    const mount = await bed().snapshotter.mount(place);
    writeFileSync(join(mount.rootfs, "made"), "1");
    mount.unmount();
    expect(await bed().diff(place)).toEqual(["made file"]);
  });

  test("what a process killed while mounting left is taken away by the next unmount or mount", async () => {
    if (!bed().snapshotter.mounts) return;
    const place = bed().place([await bed().layer(base)]);
    const leave = (...paths: string[]) => {
      for (const path of paths) {
        mkdirSync(path, { recursive: true });
        for (let i = 0; i < 2; i++) mount({ source: "left", target: path, type: "tmpfs" });
      }
    };
    const before = bed().mounted();
    leave(layersPlace(place.target), place.target);
    bed().snapshotter.unmount(place);
    expect(bed().mounted()).toEqual(before);
    leave(layersPlace(place.target));
    const mounted = await bed().snapshotter.mount(place);
    expect(seeDirectory(mounted.rootfs)).toEqual(seeTree(place.layers));
    mounted.unmount();
    expect(bed().mounted()).toEqual(before);
  });

  test("what lies below is seen where no layer has the name, and is never written", async () => {
    if (!bed().snapshotter.mounts) return;
    const below = join(bed().directory, "below");
    mkdirSync(join(below, "etc"), { recursive: true });
    for (const name of ["etc/hosts", "etc/own"]) writeFileSync(join(below, name), "below");
    const layer = await bed().layer([
      { path: "etc", type: "directory" },
      { path: "etc/own", body: "layer" },
    ]);
    for (const layers of [[layer], []]) {
      const place = { ...bed().place(layers), below };
      const mounted = await bed().snapshotter.mount(place);
      const read = (name: string) => readFileSync(join(mounted.rootfs, name), "utf8");
      expect([read("etc/hosts"), read("etc/own")]).toEqual(["below", layers.length > 0 ? "layer" : "below"]);
      expect(await bed().diff(place)).toEqual([]);
      writeFileSync(join(mounted.rootfs, "etc/hosts"), "changed");
      expect(read("etc/hosts")).toBe("changed");
      mounted.unmount();
      expect(readFileSync(join(below, "etc/hosts"), "utf8")).toBe("below");
    }
  });

  test("a damaged layer is refused and nothing stays mounted", async () => {
    const good = await bed().layer(base);
    const bad = await bed().layer([{ path: "unlike any other", body: "x" }]);
    chmodSync(bad.indexPath, 0o600);
    truncateSync(bad.indexPath, 100);
    const place = bed().place([good, bad]);
    const before = bed().mounted();
    await expect(bed().snapshotter.mount(place)).rejects.toBeInstanceOf(StrakeError);
    expect(bed().mounted()).toEqual(before);
    bed().snapshotter.discard(place.workspace);
    expect(existsSync(place.workspace)).toBe(false);
  });

  test("an aborted signal stops before anything is in place", async () => {
    const place = {
      ...bed().place([await bed().layer([...base, { path: "for this test" }])]),
      signal: AbortSignal.abort(),
    };
    await expect(bed().snapshotter.mount(place)).rejects.toMatchObject({ code: "CANCELED" });
    expect(readdirSync(place.target)).toEqual([]);
  });

  test("usage counts what was written, discard removes it and can be repeated", async () => {
    const mount = await bed().mount([await bed().layer(base)]);
    const before = await bed().snapshotter.usage(mount.place.workspace);
    writeFileSync(join(mount.rootfs, "much"), Buffer.alloc(1 << 20, 1));
    const after = await bed().snapshotter.usage(mount.place.workspace);
    expect(after.bytes - before.bytes).toBeGreaterThanOrEqual(1 << 20);
    expect(after.inodes - before.inodes).toBe(1);
    mount.unmount();
    bed().snapshotter.discard(mount.place.workspace);
    bed().snapshotter.discard(mount.place.workspace);
    expect(existsSync(mount.place.workspace)).toBe(false);
    expect(await bed().snapshotter.usage(mount.place.workspace)).toEqual({ bytes: 0, inodes: 0 });
  });
}

function describeDiff(bed: () => TestBed): void {
  test("nothing written, nothing in the diff", async () => {
    const mount = await bed().mount([await bed().layer(base), await bed().layer(top)]);
    seeDirectory(mount.rootfs);
    mount.unmount();
    expect(await bed().diff(mount.place)).toEqual([]);
  });

  const changes: Record<string, { act: (at: (path: string) => string) => void; diff: string[] }> = {
    "a new file, with the directories above": {
      act: (at) => writeFileSync(at("dir/sub/new"), "1"),
      diff: ["dir/ directory", "dir/sub/ directory", "dir/sub/new file"],
    },
    "new directories": {
      act: (at) => mkdirSync(at("one/two"), { recursive: true }),
      diff: ["one/ directory", "one/two/ directory"],
    },
    "bytes appended": {
      act: (at) => appendFileSync(at("dir/b"), "more"),
      diff: ["dir/ directory", "dir/b file"],
    },
    "other bytes of the same length, with the old time put back": {
      act: (at) => {
        const { atime, mtime } = lstatSync(at("dir/b"));
        writeFileSync(at("dir/b"), "B");
        utimesSync(at("dir/b"), atime, mtime);
      },
      diff: ["dir/ directory", "dir/b file"],
    },
    "a mode": { act: (at) => chmodSync(at("dir/b"), 0o600), diff: ["dir/ directory", "dir/b file"] },
    "an owner": { act: (at) => chownSync(at("dir/b"), 5, 6), diff: ["dir/ directory", "dir/b file"] },
    "a directory's mode": { act: (at) => chmodSync(at("dir"), 0o700), diff: ["dir/ directory"] },
    "an extended attribute": {
      act: (at) => setXattr(at("dir/b"), "user.x", Buffer.from("1")),
      diff: ["dir/ directory", "dir/b file"],
    },
    "a file removed": {
      act: (at) => unlinkSync(at("dir/a")),
      diff: ["dir/ directory", "dir/.wh.a file"],
    },
    "a directory removed": {
      act: (at) => rmSync(at("dir"), { recursive: true }),
      diff: [".wh.dir file"],
    },
    "removed and made again with other bytes": {
      act: (at) => {
        unlinkSync(at("dir/a"));
        writeFileSync(at("dir/a"), "again");
      },
      diff: ["dir/ directory", "dir/a file"],
    },
    "a file renamed": {
      act: (at) => renameSync(at("dir/a"), at("dir/z")),
      diff: ["dir/ directory", "dir/.wh.a file", "dir/z file"],
    },
    "a new symlink, and a file replaced by one": {
      act: (at) => {
        symlinkSync("../../outside", at("dir/link"));
        unlinkSync(at("dir/a"));
        symlinkSync("/etc/passwd", at("dir/a"));
      },
      diff: ["dir/ directory", "dir/a symlink /etc/passwd", "dir/link symlink ../../outside"],
    },
    "two names of a new file": {
      act: (at) => {
        writeFileSync(at("first"), "1");
        linkSync(at("first"), at("second"));
      },
      diff: ["first file", "second hardlink first"],
    },
    "a new name of an old file": {
      act: (at) => linkSync(at("dir/a"), at("dir/other")),
      diff: ["dir/ directory", "dir/a file", "dir/other hardlink dir/a"],
    },
    "names in byte order, a directory's content right after it": {
      act: (at) => {
        for (const path of ["n", "n/x", "m"])
          if (path.length === 1) mkdirSync(at(path));
          else writeFileSync(at(path), "");
        for (const path of ["n-", "n0", "\u00e9", "Z"]) writeFileSync(at(path), "");
      },
      diff: ["Z file", "m/ directory", "n/ directory", "n/x file", "n- file", "n0 file", "\u00e9 file"],
    },
  };

  for (const [name, { act, diff }] of Object.entries(changes))
    test(`diff: ${name}`, async () => {
      const layers = [await bed().layer(base)];
      const mount = await bed().mount(layers);
      act((path) => join(mount.rootfs, path));
      expect(await bed().diff(mount.place)).toEqual(diff);
      const committed = await bed().commit(mount.place);
      expect(seeTree([...layers, committed])).toEqual(seeDirectory(mount.rootfs));
      mount.unmount();
      expect(await bed().diff(mount.place)).toEqual(diff);
    });

  const rearranged: Record<string, (at: (path: string) => string) => void> = {
    "a directory renamed": (at) => {
      // Without redirects overlayfs refuses to rename a directory of a lower layer; mv(1) then copies.
      Bun.spawnSync(["mv", at("dir"), at("moved")]);
    },
    "two directories exchanged": (at) => {
      Bun.spawnSync(["mv", at("dir"), at("x")]);
      Bun.spawnSync(["mv", at("hidden"), at("dir")]);
      Bun.spawnSync(["mv", at("x"), at("hidden")]);
    },
    "a directory emptied and filled with something else": (at) => {
      rmSync(at("dir"), { recursive: true });
      mkdirSync(at("dir/sub"), { recursive: true });
      writeFileSync(at("dir/sub/c"), "other");
    },
    "a directory replaced by a file and a file by a directory": (at) => {
      rmSync(at("dir"), { recursive: true });
      writeFileSync(at("dir"), "file");
      unlinkSync(at("old"));
      mkdirSync(at("old"));
      writeFileSync(at("old/x"), "x");
    },
  };

  for (const [name, act] of Object.entries(rearranged))
    test(`a layer made of the diff gives the same root file system: ${name}`, async () => {
      const layers = [await bed().layer(base), await bed().layer(top)];
      const mount = await bed().mount(layers);
      act((path) => join(mount.rootfs, path));
      const committed = await bed().commit(mount.place);
      const wanted = seeDirectory(mount.rootfs);
      expect(seeTree([...layers, committed])).toEqual(wanted);
      const again = await bed().mount([...layers, committed]);
      expect(seeDirectory(again.rootfs)).toEqual(wanted);
      mount.unmount();
      again.unmount();
    });

  test("the same writes give the same layer, byte for byte", async () => {
    const layers = [await bed().layer(base)];
    const ids = [];
    for (let i = 0; i < 2; i++) {
      const mount = await bed().mount(layers);
      mkdirSync(join(mount.rootfs, "made"));
      for (const name of ["b", "a", "c"]) writeFileSync(join(mount.rootfs, "made", name), name);
      for (const path of ["made/a", "made/b", "made/c", "made", ""])
        utimesSync(join(mount.rootfs, path), 1, 1);
      ids.push((await bed().commit(mount.place)).tarPath);
      mount.unmount();
    }
    expect(ids[0]).toBe(ids[1]!);
  });

  test("a file whose own name is a whiteout's is refused, not turned into a deletion", async () => {
    const mount = await bed().mount([await bed().layer(base)]);
    writeFileSync(join(mount.rootfs, "dir/.wh.b"), "");
    await expect(bed().diff(mount.place)).rejects.toMatchObject({ code: "LAYER_DIFF_UNSUPPORTED" });
    mount.unmount();
  });
}
