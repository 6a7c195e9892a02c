import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getXattr, listXattrs, readXattrs, removeXattr, setXattr } from "./xattr.ts";

describe.skipIf(process.platform !== "linux")("extended attributes", () => {
  let folder = "";
  let file = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "strake-xattr-"));
    file = join(folder, "file");
    writeFileSync(file, "");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test("set, read, replace, remove, by path and by descriptor", () => {
    const fd = openSync(file, "r+");
    for (const target of [file, fd]) {
      expect(getXattr(target, "user.b")).toBeUndefined();
      expect(readXattrs(target)).toBeUndefined();
      setXattr(target, "user.b", Uint8Array.of(0, 255));
      setXattr(target, "user.a", new Uint8Array(0));
      setXattr(target, "user.b", Uint8Array.of(1));
      expect(listXattrs(target)).toEqual(["user.a", "user.b"]);
      expect(readXattrs(target)).toEqual(
        new Map([
          ["user.a", new Uint8Array(0)],
          ["user.b", Uint8Array.of(1)],
        ]),
      );
      expect([removeXattr(target, "user.a"), removeXattr(target, "user.a")]).toEqual([true, false]);
      removeXattr(target, "user.b");
    }
    closeSync(fd);
  });

  test("a value read earlier is not changed by a later read", () => {
    setXattr(file, "user.a", Uint8Array.of(1));
    setXattr(file, "user.b", Uint8Array.of(2));
    const first = getXattr(file, "user.a");
    getXattr(file, "user.b");
    expect(first).toEqual(Uint8Array.of(1));
  });

  test("a symlink is never followed", () => {
    setXattr(file, "user.a", Uint8Array.of(1));
    const link = join(folder, "link");
    symlinkSync(file, link);
    expect(getXattr(link, "user.a")).toBeUndefined();
    expect(() => setXattr(link, "user.x", Uint8Array.of(1))).toThrow("EPERM");
    expect(listXattrs(file)).toEqual(["user.a"]);
  });

  test("a missing file and a name space that does not exist are told", () => {
    expect(() => listXattrs(join(folder, "no"))).toThrow("ENOENT");
    expect(() => setXattr(file, "nonsense", Uint8Array.of(1))).toThrow("setxattr");
  });
});
