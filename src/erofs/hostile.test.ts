import { describe, expect, test } from "bun:test";
import { StrakeError } from "../errors/index.ts";
import type { Draft } from "./draft.test-support.ts";
import { buildIndex } from "./index.ts";
import { entriesOf, readerOf, viewOf } from "./index-view.test-support.ts";

function codeOf(drafts: readonly Draft[], options?: Parameters<typeof buildIndex>[1]): string {
  try {
    buildIndex(entriesOf(drafts), options);
  } catch (error) {
    if (error instanceof StrakeError) return error.code;
    throw error;
  }
  return "accepted";
}

describe("hostile names", () => {
  test("CVE-2014-9356, CVE-2021-32804: '..' is refused, absolute names are names of the layer", () => {
    expect(codeOf([{ path: "../etc/passwd" }])).toBe("TAR_INVALID");
    expect(codeOf([{ path: "a/../../etc/passwd" }])).toBe("TAR_INVALID");
    expect(codeOf([{ path: "a/.." }])).toBe("TAR_INVALID");
    expect(viewOf(readerOf([{ path: "////etc//passwd" }]))).toHaveProperty(["/etc/passwd"]);
  });

  test("NUL, empty names, components beyond 255 bytes, paths beyond PATH_MAX", () => {
    expect(codeOf([{ path: "a\0b" }])).toBe("TAR_INVALID");
    expect(codeOf([{ path: "" }])).toBe("TAR_INVALID");
    expect(codeOf([{ path: "a".repeat(256) }])).toBe("TAR_LIMIT");
    expect(codeOf([{ path: "é".repeat(128) }])).toBe("TAR_LIMIT");
    expect(codeOf([{ path: "é".repeat(127) }])).toBe("accepted");
    expect(codeOf([{ path: "a/".repeat(2050) }])).toBe("EROFS_LIMIT");
  });

  test("symlinks cannot pile directories deeper than a path can be", () => {
    const drafts: Draft[] = [{ path: "l", linkname: "d/".repeat(1500) }];
    drafts.push({ path: "l/m", linkname: "d/".repeat(1500) }, { path: "l/m/f" });
    expect(codeOf(drafts)).toBe("EROFS_LIMIT");
  });

  test("CVE-2021-29136: a root that is a symlink, or anything but a directory", () => {
    expect(codeOf([{ path: ".", linkname: "/etc" }])).toBe("LAYER_ENTRY_INVALID");
    expect(codeOf([{ path: "/", type: "file" }])).toBe("LAYER_ENTRY_INVALID");
    expect(codeOf([{ path: "./", type: "hardlink", linkname: "x" }])).toBe("LAYER_ENTRY_INVALID");
  });

  test("GHSA-vgfc (boxlite): whiteouts of nothing, of the directory itself, of its parent", () => {
    for (const name of [".wh.", ".wh..", ".wh...", "d/.wh.", "d/.wh..", "d/.wh..."])
      expect(codeOf([{ path: name }])).toBe("LAYER_ENTRY_INVALID");
  });

  test("GHSA-7pxx (boxlite): a whiteout below a symlink removes where that leads in the layer, nowhere else", () => {
    const view = viewOf(readerOf([{ path: "l", linkname: "/../../etc" }, { path: "l/.wh.passwd" }]));
    expect(view["/etc/passwd"]).toBe("char 0 0,0");
  });

  test("an entry below a whiteout's name", () => {
    expect(codeOf([{ path: ".wh.d/x" }])).toBe("LAYER_ENTRY_INVALID");
    expect(codeOf([{ path: "l", linkname: ".wh.d" }, { path: "l/x" }])).toBe("LAYER_ENTRY_INVALID");
  });

  test("a parent that is a file", () => {
    expect(codeOf([{ path: "f" }, { path: "f/x" }])).toBe("LAYER_ENTRY_INVALID");
  });
});

describe("hostile links", () => {
  test("CVE-2014-6407: entries through a symlink that leads out stay in the layer", () => {
    const view = viewOf(
      readerOf([
        { path: "out", linkname: "../../../../tmp" },
        { path: "out/x", body: "1" },
      ]),
    );
    expect(view["/tmp/x"]).toBe("file 644 1");
  });

  test("CVE-2026-26960: two symlinks that climb, then a hardlink through them", () => {
    const drafts: Draft[] = [
      { path: "a/b/c/up", linkname: "../.." },
      { path: "a/b/escape", linkname: "c/up/../.." },
      { path: "stolen", type: "hardlink", linkname: "a/b/escape/etc/shadow" },
    ];
    expect(codeOf(drafts)).toBe("LAYER_ENTRY_INVALID");
    expect(viewOf(readerOf([{ path: "etc/shadow", body: "own" }, ...drafts]))["/stolen"]).toBe(
      "file 644 3 links=2",
    );
  });

  test("CVE-2026-23745, CVE-2026-24842, CVE-2026-50163: hardlink targets count from the layer's root", () => {
    expect(codeOf([{ path: "h", type: "hardlink", linkname: "/etc/shadow" }])).toBe("LAYER_ENTRY_INVALID");
    expect(codeOf([{ path: "d/h", type: "hardlink", linkname: "../../etc/shadow" }])).toBe("TAR_INVALID");
    expect(codeOf([{ path: "d/f" }, { path: "d/h", type: "hardlink", linkname: "f" }])).toBe(
      "LAYER_ENTRY_INVALID",
    );
  });

  test("CVE-2021-32760: a hardlink to a symlink is the symlink, and its mode changes nothing", () => {
    const view = viewOf(
      readerOf([
        { path: "s", linkname: "/etc/shadow" },
        { path: "h", type: "hardlink", linkname: "s", mode: 0o777 },
      ]),
    );
    expect(view["/h"]).toBe("symlink 777 -> /etc/shadow links=2");
    expect(view["/s"]).toBe(view["/h"]!);
  });

  test("hardlinks to what comes later, to a directory, to a whiteout", () => {
    expect(codeOf([{ path: "h", type: "hardlink", linkname: "f" }, { path: "f" }])).toBe(
      "LAYER_ENTRY_INVALID",
    );
    expect(codeOf([{ path: "d/" }, { path: "h", type: "hardlink", linkname: "d" }])).toBe(
      "LAYER_ENTRY_INVALID",
    );
    expect(codeOf([{ path: ".wh.f" }, { path: "h", type: "hardlink", linkname: "f" }])).toBe(
      "LAYER_ENTRY_INVALID",
    );
  });

  test("symlinks in a circle", () => {
    expect(codeOf([{ path: "a", linkname: "b" }, { path: "b", linkname: "a" }, { path: "a/x" }])).toBe(
      "LAYER_ENTRY_INVALID",
    );
    expect(codeOf([{ path: "a", linkname: "a/a" }, { path: "a/x" }])).toBe("LAYER_ENTRY_INVALID");
  });

  test("symlink targets that are empty, hold NUL or are longer than PATH_MAX", () => {
    expect(codeOf([{ path: "l", type: "symlink", linkname: "" }])).toBe("LAYER_ENTRY_INVALID");
    expect(codeOf([{ path: "l", linkname: "a\0b" }])).toBe("LAYER_ENTRY_INVALID");
    expect(codeOf([{ path: "l", linkname: "a".repeat(4095) }])).toBe("accepted");
    expect(codeOf([{ path: "l", linkname: "a".repeat(4096) }])).toBe("EROFS_LIMIT");
  });
});

describe("numbers that do not fit", () => {
  test("device numbers, owners, attributes", () => {
    expect(codeOf([{ path: "d", type: "char", devmajor: 4096 }])).toBe("EROFS_LIMIT");
    expect(codeOf([{ path: "d", type: "block", devminor: 2 ** 20 }])).toBe("EROFS_LIMIT");
    expect(codeOf([{ path: "f", uid: 2 ** 32 }])).toBe("EROFS_LIMIT");
    expect(codeOf([{ path: "f", gid: 2 ** 32 - 1 }])).toBe("EROFS_LIMIT");
    expect(codeOf([{ path: "f", xattrs: new Map([["user.a", Buffer.alloc(65536)]]) }])).toBe("EROFS_LIMIT");
    expect(codeOf([{ path: "f", xattrs: new Map([[`user.${"a".repeat(256)}`, Buffer.alloc(1)]]) }])).toBe(
      "EROFS_LIMIT",
    );
    const many = new Map(Array.from({ length: 5 }, (_, i) => [`user.${i}`, Buffer.alloc(65000, i)]));
    expect(codeOf([{ path: "f", xattrs: many }])).toBe("EROFS_LIMIT");
  });

  test("content behind the tar's end, or beyond what 32-bit block addresses reach", () => {
    expect(codeOf([{ path: "f", body: "12345" }], { tarSize: 516 })).toBe("TAR_TRUNCATED");
    expect(codeOf([{ path: "f", body: "12345" }], { tarSize: 517 })).toBe("accepted");
    const [entry] = entriesOf([{ path: "f" }]);
    const far = { ...entry!, dataOffset: 2 ** 41 - 512, size: 600, storedSize: 600 };
    expect(() => buildIndex([far])).toThrow("2 TiB");
  });

  test("content that does not start at a block", () => {
    const [entry] = entriesOf([{ path: "f", body: "1" }]);
    expect(() => buildIndex([{ ...entry!, dataOffset: 513 }])).toThrow(StrakeError);
  });
});
