import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cPath } from "../../sys/index.ts";
import { extractTree } from "./extract.ts";
import { removeTree } from "./remove.ts";
import { maySetXattr, type Rights } from "./rights.ts";
import type { Source, SourceNode } from "./source.ts";

/** A tree in memory, for what no index of ours would hold. */
interface Made extends SourceNode {
  readonly id: number;
  readonly inside: Record<string, Made>;
  readonly text: string;
}

let ids = 0;
function made(type: Made["type"], rest: Partial<Made> = {}): Made {
  const owner = { uid: process.getuid!(), gid: process.getgid!() };
  const text = rest.text ?? "";
  const facts = {
    mode: 0o755,
    ...owner,
    size: text.length,
    mtime: 1,
    mtimeNsec: 0,
    nlink: 1,
    devmajor: 0,
    devminor: 0,
  };
  return { id: ids++, type, inside: {}, ...facts, ...rest, text };
}

function source(root: Made): Source<Made> {
  return {
    root,
    *children(node) {
      for (const [name, child] of Object.entries(node.inside)) yield { name, node: child };
    },
    key: (node) => node.id,
    readlink: (node) => node.text,
    xattrs: () => new Map(),
    extents: (node) => (node.text === "" ? [] : [{ fileOffset: 0, length: node.text.length }]),
    read: (node, offset, target) =>
      target.set(Buffer.from(node.text).subarray(offset, offset + target.length)),
  };
}

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "strake-extract-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(process.platform !== "linux")("extraction", () => {
  for (const name of ["", ".", "..", "a/b", "../outside", "/etc/x", "a\0b"])
    test(`a forged index with the name ${JSON.stringify(name)} is refused`, async () => {
      mkdirSync(join(folder, "root"));
      const root = made("directory", { inside: { [name]: made("file", { text: "x" }) } });
      await expect(extractTree(source(root), join(folder, "root"))).rejects.toMatchObject({
        code: "EROFS_INVALID",
      });
      expect(readdirSync(folder)).toEqual(["root"]);
    });

  test("a symlink that stands where a directory is to be made is not entered", async () => {
    mkdirSync(join(folder, "root"));
    mkdirSync(join(folder, "outside"));
    symlinkSync(join(folder, "outside"), join(folder, "root/dir"));
    const root = made("directory", { inside: { dir: made("directory", { inside: { x: made("file") } }) } });
    await expect(extractTree(source(root), join(folder, "root"))).rejects.toMatchObject({ class: "invalid" });
    expect(readdirSync(join(folder, "outside"))).toEqual([]);
  });

  test("a symlink that stands where a file is to be made is not written through", async () => {
    mkdirSync(join(folder, "root"));
    writeFileSync(join(folder, "victim"), "before");
    symlinkSync("../victim", join(folder, "root/file"));
    const root = made("directory", { inside: { file: made("file", { text: "after" }) } });
    await expect(extractTree(source(root), join(folder, "root"))).rejects.toMatchObject({
      code: "SYS_EXISTS",
    });
    expect(readFileSync(join(folder, "victim"), "utf8")).toBe("before");
  });

  test("a sparse file of 1 TiB takes no space", async () => {
    const sparse = made("file", { size: 2 ** 40 });
    await extractTree(source(made("directory", { inside: { sparse } })), folder);
    const stat = lstatSync(join(folder, "sparse"));
    expect(stat.size).toBe(2 ** 40);
    expect(stat.blocks).toBeLessThan(64);
  });

  test("names of one inode become hardlinks, also across directories and before setuid is set", async () => {
    const file = made("file", { text: "x", mode: 0o4711, nlink: 2 });
    const inside = {
      a: made("directory", { inside: { one: file } }),
      b: made("directory", { inside: { two: file } }),
    };
    await extractTree(source(made("directory", { inside })), folder);
    const [one, two] = ["a/one", "b/two"].map((path) => lstatSync(join(folder, path)));
    expect(one!.ino).toBe(two!.ino);
    expect(two!.mode & 0o7777).toBe(0o4711);
  });

  test("directories keep their time though children were made in them", async () => {
    const dir = made("directory", { mtime: 1000, inside: { x: made("file"), y: made("directory") } });
    await extractTree(source(made("directory", { inside: { dir } })), folder);
    expect(lstatSync(join(folder, "dir")).mtimeMs).toBe(1_000_000);
  });

  test("without rights, owners and devices are left out and the rest is made", async () => {
    const rights: Rights = { owners: false, devices: false, trustedXattrs: false, securityXattrs: false };
    const inside = {
      file: made("file", { uid: 12345, text: "x" }),
      disk: made("block", { devmajor: 8 }),
      pipe: made("fifo"),
    };
    await extractTree(source(made("directory", { inside })), folder, { rights });
    expect(readdirSync(folder).sort()).toEqual(["file", "pipe"]);
    expect(lstatSync(join(folder, "file")).uid).toBe(process.getuid!());
    expect(maySetXattr(rights, "security.capability")).toBe(false);
    expect(maySetXattr(rights, "user.x")).toBe(true);
  });

  test("an aborted signal stops it", async () => {
    const root = made("directory", { inside: { x: made("file") } });
    await expect(extractTree(source(root), folder, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "CANCELED",
    });
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe.skipIf(process.platform !== "linux")("removal", () => {
  test("takes everything, follows no symlink, and can be repeated", () => {
    mkdirSync(join(folder, "tree/a/b"), { recursive: true });
    mkdirSync(join(folder, "kept"));
    writeFileSync(join(folder, "kept/file"), "");
    symlinkSync("../kept", join(folder, "tree/link"));
    writeFileSync(Buffer.concat([cPath(join(folder, "tree/")).subarray(0, -1), Buffer.from([0xff])]), "");
    removeTree(join(folder, "tree"));
    removeTree(join(folder, "tree"));
    removeTree(join(folder, "never/there"));
    expect(existsSync(join(folder, "tree"))).toBe(false);
    expect(readdirSync(join(folder, "kept"))).toEqual(["file"]);
  });

  test("a symlink is removed itself", () => {
    mkdirSync(join(folder, "kept"));
    writeFileSync(join(folder, "kept/file"), "");
    symlinkSync("kept", join(folder, "link"));
    removeTree(join(folder, "link"));
    expect(readdirSync(folder)).toEqual(["kept"]);
    expect(readdirSync(join(folder, "kept"))).toEqual(["file"]);
  });
});
