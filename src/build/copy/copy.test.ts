import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { BuildWorkshop } from "../../../test/support/build.ts";
import { type EntryHeader, encodeHeader, paddingOf } from "../../tar/index.ts";

function tarOf(...entries: (Partial<EntryHeader> & { path: string; content?: string })[]): Buffer {
  const parts = entries.flatMap(({ content = "", ...given }) => {
    const header: EntryHeader = {
      type: "file",
      mode: 0o644,
      uid: 0,
      gid: 0,
      size: content.length,
      mtime: 1,
      mtimeNsec: 0,
      linkname: "",
      uname: "",
      gname: "",
      devmajor: 0,
      devminor: 0,
      ...given,
    };
    return [encodeHeader(header), Buffer.from(content), Buffer.alloc(paddingOf(content.length))];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

const plain = tarOf(
  { path: "top/", type: "directory", mode: 0o750, uid: 5, gid: 6 },
  { path: "top/file", content: "f", uid: 5, gid: 6 },
  { path: "top/twin", type: "hardlink", linkname: "top/file" },
  { path: "top/link", type: "symlink", linkname: "file" },
  { path: "./late/in/here", content: "h" },
);

let shop: BuildWorkshop;
beforeAll(async () => {
  shop = new BuildWorkshop({
    f: "f",
    "d/e": "e",
    "plain.tar": plain,
    "packed.whatever": gzipSync(plain),
    "only.gz": gzipSync("no archive at all"),
    "f.tar": tarOf({ path: "f", content: "archive", mode: 0o600 }),
    "g.tar": tarOf({ path: "f", content: "other", mode: 0o600 }),
    "text.tar": "this is no tar",
    "climbs.tar": tarOf({ path: "../../escape", content: "x" }),
    "through.tar": tarOf(
      { path: "etc-link", type: "symlink", linkname: "/etc" },
      { path: "etc-link/passwd", content: "mine" },
    ),
    "linked.tar": tarOf(
      { path: "to", type: "symlink", linkname: "real" },
      { path: "to/f", content: "f" },
      { path: "twin", type: "hardlink", linkname: "to/f" },
      { path: "real/f2", type: "hardlink", linkname: "./real/f" },
    ),
    "over.tar": tarOf({ path: "app", type: "symlink", linkname: "/elsewhere" }),
  });
  await shop.addBusybox();
  await shop.addImage(
    "rich",
    {},
    tarOf(
      { path: "opt/", type: "directory", mode: 0o700, uid: 7, gid: 8, mtime: 77 },
      { path: "opt/one", content: "same", uid: 7, gid: 8, mode: 0o4755 },
      { path: "opt/two", type: "hardlink", linkname: "opt/one" },
      { path: "opt/cap", content: "c", xattrs: new Map([["user.note", Buffer.from("hi")]]) },
      { path: "opt/pipe", type: "fifo" },
      { path: "srv", type: "symlink", linkname: "opt" },
    ),
  );
});
afterAll(() => shop.remove());

const files = async (dockerfile: string, below?: string) => (await shop.build(dockerfile)).files(below);

describe("ADD unpacks archives by content", () => {
  test.each(["plain.tar", "packed.whatever"])("%s", async (name) => {
    const built = await shop.build(`FROM scratch\nADD ${name} /x`);
    expect(built.files()).toEqual({
      "/x": "755 directory",
      "/x/late": "755 directory",
      "/x/late/in": "755 directory",
      "/x/late/in/here": "644 h",
      "/x/top": "750 5:6 directory",
      "/x/top/file": "644 5:6 f",
      "/x/top/link": "-> file",
      "/x/top/twin": "644 5:6 f",
    });
    using tree = built.tree();
    expect(tree.lookup("/x/top/twin")!.key).toBe(tree.lookup("/x/top/file")!.key);
  });
  test("what is none is copied", async () => {
    expect(Object.keys(await files("FROM scratch\nADD only.gz text.tar f /x/"))).toEqual([
      "/x",
      "/x/f",
      "/x/only.gz",
      "/x/text.tar",
    ]);
  });
  test("what is packed and no archive can be given a name", async () => {
    expect(Object.keys(await files("FROM scratch\nADD only.gz /deep/named.gz"))).toEqual([
      "/deep",
      "/deep/named.gz",
    ]);
  });

  test("COPY and --unpack=false do not", async () => {
    expect(
      Object.keys(await files("FROM scratch\nCOPY plain.tar /\nADD --unpack=false plain.tar /y")),
    ).toEqual(["/plain.tar", "/y"]);
  });
  test.each([
    ["f.tar f", "644 f"],
    ["f f.tar", "600 archive"],
    ["f.tar d f", "644 f"],
    ["f d f.tar g.tar", "600 other"],
    ["g.tar f.tar d", "600 archive"],
  ])("sources are applied in their order, archives among them: %s", async (sources, winner) => {
    const text = `FROM scratch\nADD ${sources} /x/`;
    const built = await shop.build(text);
    expect(built.files()["/x/f"]).toBe(winner);
    expect((await shop.build(text)).files()).toEqual(built.files());
  });
  test("--chown reaches the entries", async () => {
    expect(await files("FROM scratch\nADD --chown=1:2 plain.tar /x", "/x/top")).toMatchObject({
      "/x/top/file": "644 1:2 f",
    });
  });
  test("with another --chmod or --chown it is unpacked again", async () => {
    await shop.build("FROM scratch\nADD plain.tar /k");
    const chmod = await shop.build("FROM scratch\nADD --chmod=700 plain.tar /k");
    expect(chmod.files()["/k/top/file"]).toBe("700 5:6 f");
    const chown = await shop.build("FROM scratch\nADD --chown=0:3 plain.tar /k");
    expect(chown.files()["/k/top/file"]).toBe("644 0:3 f");
  });
  test("is cached", async () => {
    const text = "FROM busybox\nADD plain.tar /z";
    await shop.build(text);
    expect((await shop.build(text)).outcomes.at(-1)).toEndWith(": cached");
  });
  // CVE-2014-9356: an archive's entry that climbs out.
  test("an entry that climbs is refused", async () => {
    await expect(shop.build("FROM scratch\nADD climbs.tar /x")).rejects.toMatchObject({
      code: "TAR_INVALID",
    });
  });
  // CVE-2014-6407: an archive's own symlink on the way leads inside the image.
  test("a symlink in the archive is followed inside the image", async () => {
    const built = await files("FROM busybox\nADD through.tar /");
    expect(built["/etc/passwd"]).toBe("644 mine");
    expect(built["/etc-link"]).toBe("-> /etc");
    expect(built["/etc/group"]).toStartWith("644 root");
  });
  test("a hardlink to what lies behind the archive's own symlink", async () => {
    const built = await shop.build("FROM scratch\nADD linked.tar /x");
    expect(built.files("/x")).toEqual({
      "/x/to": "-> real",
      "/x/real": "755 directory",
      "/x/real/f": "644 f",
      "/x/real/f2": "644 f",
      "/x/twin": "644 f",
    });
    using tree = built.tree();
    expect(tree.lookup("/x/twin")!.key).toBe(tree.lookup("/x/real/f")!.key);
    expect(tree.lookup("/x/real/f2")!.key).toBe(tree.lookup("/x/real/f")!.key);
  });
  test("an entry takes the place of a directory", async () => {
    expect(await files("FROM busybox\nADD over.tar /home", "/home")).toEqual({
      "/home/app": "-> /elsewhere",
    });
  });
});

describe("COPY --from", () => {
  test("keeps owners, modes, links, xattrs and fifos", async () => {
    const built = await shop.build("FROM scratch\nCOPY --from=rich /opt /new");
    expect(built.files()).toEqual({
      "/new": "755 directory",
      "/new/cap": "644 c",
      "/new/one": "4755 7:8 same",
      "/new/pipe": "644 fifo",
      "/new/two": "4755 7:8 same",
    });
    using tree = built.tree();
    expect(tree.lookup("/new/one")!.key).toBe(tree.lookup("/new/two")!.key);
    expect([...tree.xattrs("/new/cap")]).toEqual([["user.note", new Uint8Array(Buffer.from("hi"))]]);
  });
  // Security cases, "Build": COPY --from a path that is a symlink to /.
  test("names of one inode are files of their own when each was named", async () => {
    const built = await shop.build(
      "FROM scratch AS a\nADD packed.whatever /\nFROM scratch\nCOPY --from=a /top /whole/\nCOPY --from=a /top/* /named/",
    );
    using tree = built.tree();
    const inode = (path: string) => tree.lookup(path)!.key;
    expect(inode("/whole/twin")).toBe(inode("/whole/file"));
    expect(inode("/named/twin")).not.toBe(inode("/named/file"));
  });

  test("follows symlinks inside the image", async () => {
    expect(Object.keys(await files("FROM scratch\nCOPY --from=rich /srv/one /a"))).toEqual(["/a"]);
    await expect(
      shop.build("FROM scratch\nCOPY --from=rich /srv/../../../etc/passwd /a"),
    ).rejects.toMatchObject({
      code: "BUILD_COPY_SOURCE",
    });
  });
  test("an unchanged stage is not even opened", async () => {
    const text = "FROM rich AS r\nFROM scratch\nCOPY --from=r /opt /o";
    const first = await shop.build(text);
    const second = await shop.build(text);
    expect(second.id).toBe(first.id);
    expect(second.outcomes.at(-1)).toEndWith(": cached");
  });
});

describe("into an image", () => {
  test("directories that are there keep owner, mode and what is in them", async () => {
    const built = await files("FROM rich\nCOPY f /opt/f\nCOPY d /opt", "/opt");
    expect(built).toMatchObject({ "/opt/f": "644 f", "/opt/e": "644 e", "/opt/one": "4755 7:8 same" });
    using tree = (await shop.build("FROM rich\nCOPY f /opt/f")).tree();
    expect(tree.lookup("/opt")).toMatchObject({ mode: 0o700, uid: 7, gid: 8, mtime: 77 });
  });
  test("a WORKDIR below one too, and it belongs to the USER", async () => {
    using tree = (await shop.build("FROM busybox\nUSER app\nWORKDIR /home/app/x/y")).tree();
    expect(tree.lookup("/home/app/x/y")).toMatchObject({ mode: 0o755, uid: 1000, gid: 1000 });
    expect(tree.lookup("/home/app")).toMatchObject({ uid: 0 });
  });
  test("through a symlink of the image", async () => {
    expect(await files("FROM rich\nCOPY f /srv/f", "/opt")).toMatchObject({ "/opt/f": "644 f" });
  });
  test("--chown by name", async () => {
    expect(await files("FROM busybox\nCOPY --chown=app f /own/f", "/own")).toEqual({
      "/own/f": "644 1000:1000 f",
    });
    expect(await files("FROM busybox\nCOPY --chown=app:wheel f /own/f", "/own")).toEqual({
      "/own/f": "644 1000:10 f",
    });
    expect(await files("FROM busybox\nCOPY --chown=7 f /own/f", "/own")).toEqual({ "/own/f": "644 7:7 f" });
  });
  test("--link does not look at the image", async () => {
    const built = await shop.build("FROM rich\nCOPY --link f /srv/f");
    expect(built.files("/srv")).toEqual({ "/srv/f": "644 f" });
    const other = await shop.build("FROM busybox\nCOPY --link f /srv/f");
    expect(other.config.rootfs.diff_ids.at(-1)).toBe(built.config.rootfs.diff_ids.at(-1)!);
  });
});

describe("heredocs", () => {
  test("are files of mode 0644, expanded unless quoted", async () => {
    const text = 'FROM scratch\nENV v=1\nCOPY <<a <<"b" <<-c /x/\n$v\na\n$v\nb\n\ttab\nc\n';
    expect(await files(text)).toEqual({
      "/x": "755 directory",
      "/x/a": "644 1",
      "/x/b": "644 $v",
      "/x/c": "644 tab",
    });
  });
  test("need no context", async () => {
    const built = await shop.build("FROM scratch\nCOPY <<E /f\nx\nE\n", { context: undefined });
    expect(built.files()).toEqual({ "/f": "644 x" });
  });
});
