import { expect, test } from "bun:test";
import type { EntryHeader } from "../tar/index.ts";
import type { Node, Tree } from "./tree/index.ts";
import { withoutUnchanged } from "./unchanged.ts";

const facts = { uid: 0, gid: 0, size: 0, mtime: 5, mtimeNsec: 0, devmajor: 0, devminor: 0 };

function entry(path: string, changes: Partial<EntryHeader> = {}): { header: EntryHeader } {
  const type = path.endsWith("/") ? "directory" : "file";
  return { header: { ...facts, type, path, mode: 0o755, linkname: "", uname: "", gname: "", ...changes } };
}

/** `/dir`, `/dir/sub` and `/other`, with an attribute on the last. */
const below = {
  lookup: (path: string) =>
    ["/dir", "/dir/sub", "/other"].includes(path)
      ? ({ ...facts, type: "directory", mode: 0o755, key: path } as unknown as Node)
      : undefined,
  xattrs: (node: Node) => new Map(node.key === "/other" ? [["user.x", Buffer.from("1")]] : []),
} as Pick<Tree, "lookup" | "xattrs">;

const kept = async (...entries: { header: EntryHeader }[]) =>
  (await Array.fromAsync(withoutUnchanged(entries, below))).map(({ header }) => header.path);

test("directories as they were go, with nothing changed in them", async () => {
  expect(await kept(entry("dir/"), entry("dir/sub/"))).toEqual([]);
});

test("those on the way to a change stay", async () => {
  expect(await kept(entry("dir/"), entry("dir/sub/"), entry("dir/sub/x"), entry("dirx"))).toEqual([
    ..."dir/ dir/sub/ dir/sub/x dirx".split(" "),
  ]);
  expect(await kept(entry("dir/"), entry("dir/.wh.gone"), entry("dir/sub/"))).toEqual([
    "dir/",
    "dir/.wh.gone",
  ]);
});

test("new ones and those that differ stay", async () => {
  expect(await kept(entry("new/"))).toEqual(["new/"]);
  for (const change of [{ mode: 0o700 }, { uid: 1 }, { gid: 1 }, { mtime: 6 }, { mtimeNsec: 1 }])
    expect(await kept(entry("dir/", change))).toEqual(["dir/"]);
  expect(await kept(entry("dir/", { xattrs: new Map([["user.x", Buffer.from("1")]]) }))).toEqual(["dir/"]);
  expect(await kept(entry("other/"))).toEqual(["other/"]);
  expect(await kept(entry("other/", { xattrs: new Map([["user.x", Buffer.from("1")]]) }))).toEqual([]);
  expect(await kept(entry("other/", { xattrs: new Map([["user.x", Buffer.from("2")]]) }))).toEqual([
    "other/",
  ]);
});
