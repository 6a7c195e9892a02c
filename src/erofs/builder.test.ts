import { describe, expect, test } from "bun:test";
import type { Draft } from "./draft.test-support.ts";
import { buildIndex, ErofsReader } from "./index.ts";
import { entriesOf, readerOf, viewOf } from "./index-view.test-support.ts";

/** The index's view less the root. */
function view(drafts: readonly Draft[]): Record<string, string> {
  const { "/": root, ...rest } = viewOf(readerOf(drafts));
  expect(root).toStartWith("directory");
  return rest;
}

describe("names", () => {
  test("./a, /a, a/ and //a are the same names", () => {
    const once = view([{ path: "a/" }, { path: "a/b", body: "12" }]);
    expect(view([{ path: "./a/" }, { path: "/a//b", body: "12" }])).toEqual(once);
    expect(once).toEqual({ "/a": "directory 755", "/a/b": "file 644 2" });
  });

  test("missing parents are made, 0755 and root's", () => {
    expect(view([{ path: "a/b/c", uid: 5, mode: 0o600 }])).toEqual({
      "/a": "directory 755",
      "/a/b": "directory 755",
      "/a/b/c": "file 600 5:0 0",
    });
  });

  test("a parent that comes later gives the made one its metadata", () => {
    expect(view([{ path: "a/b" }, { path: "a/", mode: 0o1777, uid: 3 }])["/a"]).toBe("directory 1777 3:0");
  });

  test("the root takes the metadata of ./", () => {
    const reader = readerOf([{ path: "./", mode: 0o1777, uid: 9, mtime: -3, mtimeNsec: 5 }]);
    expect(reader.inode(reader.root)).toMatchObject({
      mode: 0o1777,
      uid: 9,
      mtime: -3,
      mtimeNsec: 5,
      nlink: 2,
    });
  });

  test("names that are not UTF-8, and order by bytes", () => {
    const names = ["\udcff", "z", "\u{1f600}", "\ue000", "!", "é", "a".repeat(255)];
    const reader = readerOf(names.map((path) => ({ path })));
    const listed = [...reader.readdir(reader.root)].map((entry) => entry.name);
    expect(listed).toEqual(["!", "a".repeat(255), "z", "é", "\ue000", "\u{1f600}", "\udcff"]);
    for (const name of names) expect(reader.lookup(reader.root, name)).toBeDefined();
    for (const name of ["", "~", "aa", "\udcfe", "\udcff\udcff"])
      expect(reader.lookup(reader.root, name)).toBeUndefined();
  });
});

describe("two entries of one name", () => {
  test("the last one wins", () => {
    expect(
      view([
        { path: "a", body: "1" },
        { path: "a", body: "22", mode: 0o600 },
      ]),
    ).toEqual({ "/a": "file 600 2" });
  });

  test("a directory over a directory keeps the children and takes the new metadata, attributes included", () => {
    const drafts: Draft[] = [
      { path: "d/", xattrs: new Map([["user.old", Buffer.from("1")]]) },
      { path: "d/x" },
      { path: "d/", mode: 0o700, xattrs: new Map([["user.new", Buffer.from("2")]]) },
    ];
    expect(view(drafts)).toEqual({ "/d": "directory 700 user.new=2", "/d/x": "file 644 0" });
  });

  test("a file over a directory drops what was below, and a directory over that starts empty", () => {
    expect(view([{ path: "d/x" }, { path: "d", body: "1" }])).toEqual({ "/d": "file 644 1" });
    expect(view([{ path: "d/x" }, { path: "d", body: "1" }, { path: "d/" }, { path: "d/y" }])).toEqual({
      "/d": "directory 755",
      "/d/y": "file 644 0",
    });
  });

  test("a directory replaces a symlink; what goes there later goes into the directory", () => {
    expect(view([{ path: "t/" }, { path: "l", linkname: "t" }, { path: "l/" }, { path: "l/f" }])).toEqual({
      "/t": "directory 755",
      "/l": "directory 755",
      "/l/f": "file 644 0",
    });
  });

  test("entries below a symlink of the same layer land where it leads, inside the layer", () => {
    const drafts: Draft[] = [
      { path: "usr/lib/" },
      { path: "lib", linkname: "usr/lib" },
      { path: "lib/a" },
      { path: "abs", linkname: "/usr" },
      { path: "abs/b" },
      { path: "new", linkname: "not/there" },
      { path: "new/c" },
    ];
    expect(Object.keys(view(drafts)).sort()).toEqual(
      [
        "/abs",
        "/lib",
        "/new",
        "/not",
        "/not/there",
        "/not/there/c",
        "/usr",
        "/usr/b",
        "/usr/lib",
        "/usr/lib/a",
      ].sort(),
    );
  });

  test("the place a symlink leads to is found anew when the symlink was replaced", () => {
    const drafts: Draft[] = [
      { path: "l", linkname: "one" },
      { path: "l/x" },
      { path: "l", linkname: "two" },
      { path: "l/x" },
    ];
    expect(Object.keys(view(drafts)).sort()).toEqual(["/l", "/one", "/one/x", "/two", "/two/x"]);
  });
});

describe("whiteouts", () => {
  test("become 0:0 character devices", () => {
    expect(view([{ path: "d/.wh.gone" }])["/d/gone"]).toBe("char 0 0,0");
  });

  test("an opaque marker marks its directory wherever it stands, and the marker is no entry", () => {
    const opaque = { "/d": "directory 700 trusted.overlay.opaque=y", "/d/x": "file 644 0" };
    const directory: Draft = { path: "d/", mode: 0o700 };
    const marker: Draft = { path: "d/.wh..wh..opq" };
    expect(view([directory, marker, { path: "d/x" }])).toEqual(opaque);
    expect(view([directory, { path: "d/x" }, marker])).toEqual(opaque);
    expect(view([marker, { path: "d/x" }, directory])).toEqual(opaque);
  });

  test("an entry of the same layer beats a whiteout of its name, before and after it", () => {
    expect(view([{ path: ".wh.f" }, { path: "f" }])).toEqual({ "/f": "file 644 0" });
    expect(view([{ path: "f" }, { path: ".wh.f" }])).toEqual({ "/f": "file 644 0" });
    const fresh = { "/d": "directory 755 trusted.overlay.opaque=y", "/d/x": "file 644 0" };
    expect(view([{ path: ".wh.d" }, { path: "d/" }, { path: "d/x" }])).toEqual(fresh);
    expect(view([{ path: "d/" }, { path: "d/x" }, { path: ".wh.d" }])).toEqual(fresh);
    expect(view([{ path: ".wh.d" }, { path: "d/x" }])).toEqual(fresh);
  });

  test("in an opaque directory say nothing and are left out", () => {
    expect(view([{ path: "d/.wh..wh..opq" }, { path: "d/.wh.x" }])).toEqual({
      "/d": "directory 755 trusted.overlay.opaque=y",
    });
  });

  test("of any type, as AUFS wrote them as hardlinks; AUFS's own files are skipped", () => {
    const drafts: Draft[] = [
      { path: ".wh..wh.aufs" },
      { path: ".wh..wh.plnk/" },
      { path: ".wh..wh.plnk/1.2", body: "x" },
      { path: ".wh.gone", type: "hardlink", linkname: ".wh..wh.aufs" },
    ];
    expect(view(drafts)).toEqual({ "/gone": "char 0 0,0" });
  });
});

describe("hardlinks", () => {
  test("are names of one inode; its metadata stays the first entry's", () => {
    const reader = readerOf([
      { path: "a", body: "1", mode: 0o4755 },
      { path: "d/b", type: "hardlink", linkname: "./a", mode: 0 },
    ]);
    const a = reader.lookup(reader.root, "a")!;
    expect(reader.lookup(reader.lookup(reader.root, "d")!, "b")).toBe(a);
    expect(reader.inode(a)).toMatchObject({ mode: 0o4755, nlink: 2, size: 1 });
  });

  test("keep the old inode when the target is replaced later", () => {
    const drafts: Draft[] = [
      { path: "a", body: "1" },
      { path: "b", type: "hardlink", linkname: "a" },
      { path: "a", body: "22" },
    ];
    expect(view(drafts)).toEqual({ "/a": "file 644 2", "/b": "file 644 1" });
  });

  test("to themselves change nothing", () => {
    expect(
      view([
        { path: "a", body: "1" },
        { path: "a", type: "hardlink", linkname: "a" },
      ]),
    ).toEqual({ "/a": "file 644 1" });
  });

  test("work through a symlinked parent and with an absolute target", () => {
    const drafts: Draft[] = [
      { path: "x/f", body: "1" },
      { path: "l", linkname: "x" },
      { path: "h", type: "hardlink", linkname: "/l/f" },
    ];
    expect(view(drafts)["/h"]).toBe("file 644 1 links=2");
  });
});

describe("attributes", () => {
  test("of the name spaces Linux knows are kept, overlayfs's own and foreign ones are not", () => {
    const xattrs = new Map(
      Object.entries({
        "user.a": "1",
        "security.capability": "cap",
        "trusted.x": "t",
        "system.posix_acl_access": "acl",
        "trusted.overlay.redirect": "/etc",
        "trusted.overlay.opaque": "y",
        "user.overlay.opaque": "y",
        "com.apple.quarantine": "q",
        "user.": "empty",
      }).map(([name, value]) => [name, Buffer.from(value)]),
    );
    expect(view([{ path: "f/", xattrs }])["/f"]).toBe(
      "directory 755 security.capability=cap system.posix_acl_access=acl trusted.x=t user.a=1",
    );
  });

  test("that many entries carry are stored once", () => {
    const label = new Map([["security.selinux", Buffer.alloc(4000, "l")]]);
    const drafts = Array.from({ length: 50 }, (_, i) => ({ path: `f${i}`, xattrs: label }));
    const { image } = buildIndex(entriesOf(drafts));
    expect(image.length).toBeLessThan(4000 * 4);
    expect(view(drafts)["/f49"]).toContain(`security.selinux=${"l".repeat(4000)}`);
  });
});

test("the same entries give the same bytes", () => {
  const drafts: Draft[] = [{ path: "b/c", body: "x" }, { path: "a", linkname: "b" }, { path: "b/.wh.d" }];
  expect(buildIndex(entriesOf(drafts)).image).toEqual(buildIndex(entriesOf(drafts)).image);
});

test("ids, times and sizes at their ends", () => {
  const limits = { uid: 4294967294, gid: 65536, mtime: -1, mtimeNsec: 999_999_999, size: 5 * 2 ** 30 };
  const [entry] = entriesOf([{ path: "f" }]);
  const { image } = buildIndex([{ ...entry!, ...limits, storedSize: limits.size }]);
  const reader = new ErofsReader(image);
  const nid = reader.lookup(reader.root, "f")!;
  expect(reader.inode(nid)).toMatchObject(limits);
  expect(reader.extents(nid)).toEqual([{ device: 1, offset: 512, length: limits.size, fileOffset: 0 }]);
});

test("a file beyond a terabyte is several chunks, one run", () => {
  const [entry] = entriesOf([{ path: "f" }]);
  const size = 1.5 * 2 ** 40;
  const reader = new ErofsReader(buildIndex([{ ...entry!, size, storedSize: size }]).image);
  expect(reader.extents(reader.lookup(reader.root, "f")!)).toEqual([
    { device: 1, offset: 512, length: size, fileOffset: 0 },
  ]);
});

test("an empty layer is an empty root", () => {
  expect(view([])).toEqual({});
});

test("large directories are searched across blocks", () => {
  const names = Array.from({ length: 5000 }, (_, i) => `file-${i}`);
  const reader = readerOf(names.map((path) => ({ path, uid: Number(path.slice(5)) })));
  for (const name of names)
    expect(reader.inode(reader.lookup(reader.root, name)!).uid).toBe(Number(name.slice(5)));
  expect(reader.lookup(reader.root, "file-5000")).toBeUndefined();
});
