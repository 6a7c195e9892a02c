import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readlinkSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sortByBytes } from "../../erofs/index.ts";
import { StrakeError } from "../../errors/index.ts";
import { type Draft, makeLayer } from "../layer.test-support.ts";
import { Tree } from "./index.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "strake-tree-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let made = 0;
async function open(...stack: Draft[][]): Promise<Tree> {
  const layers = [];
  for (const drafts of stack) layers.push(await makeLayer(folder, `layer${made++}`, drafts));
  return Tree.open(layers);
}

function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof StrakeError) return error.code;
    throw error;
  }
  return "no error";
}

test("names of many layers come once each, in byte order, which is not that of strings", async () => {
  const names = ["a", "\u{1f600}", "\uffee", "b", "\udcff", "é", "z"];
  const layers = names.map((name, i) => [
    { path: `d/${name}`, body: name },
    { path: `d/${names[(i + 2) % names.length]}`, body: "above" },
    { path: `d/n${i}`, body: "" },
  ]);
  using tree = await open(...layers, [{ path: "d/.wh.b", body: "" }]);
  const expected = [...names.filter((name) => name !== "b"), ...names.map((_, i) => `n${i}`)];
  sortByBytes(expected);
  expect(tree.readdir("/d").map(({ name }) => name)).toEqual(expected);
  expect([...tree.entries("/d")].map(({ name }) => name)).toEqual(expected);
});

describe("paths", () => {
  const drafts: Draft[] = [
    { path: "usr/lib/x", body: "x" },
    { path: "lib", linkname: "usr/lib" },
    { path: "abs", linkname: "/usr/lib/x" },
    { path: "usr/up", linkname: "../../../../usr/lib" },
    { path: "dangling", linkname: "usr/not/there" },
    { path: "loop", linkname: "pool" },
    { path: "pool", linkname: "loop" },
    { path: "self", linkname: "." },
    { path: "file", body: "f" },
  ];

  test("lead to the same after the indexes' pages were given back, also of a tree that looked at nothing yet", async () => {
    using tree = await open(drafts);
    for (let i = 0; i < 100; i++) {
      tree.release();
      const node = tree.lookup("/lib/x")!;
      expect(Buffer.from(tree.readFile(node)).toString()).toBe("x");
    }
  });

  test("lead through symlinks, inside the tree", async () => {
    using tree = await open(drafts);
    for (const path of [
      "/lib/x",
      "lib/x",
      "/abs",
      "/usr/up/x",
      "/../../lib//x",
      "/self/self/lib/./x",
      "/lib/../lib/x",
    ])
      expect(tree.resolve(path)).toMatchObject({ path: "/usr/lib/x", node: { type: "file" } });
    expect(tree.lookup("/lib")?.type).toBe("directory");
    expect(tree.lookup("/lib", { follow: false })?.type).toBe("symlink");
    expect(tree.lookup("/lib/", { follow: false })?.type).toBe("directory");
    expect(tree.lookup("/")).toBe(tree.root);
  });

  test("that do not exist say where they would be", async () => {
    using tree = await open(drafts);
    expect(tree.resolve("/dangling")).toEqual({ path: "/usr/not/there", node: undefined, blocked: false });
    expect(tree.resolve("/lib/new/deep")).toEqual({
      path: "/usr/lib/new/deep",
      node: undefined,
      blocked: false,
    });
    expect(tree.lookup("/nothing")).toBeUndefined();
  });

  test("through a file lead nowhere", async () => {
    using tree = await open(drafts);
    for (const path of ["/file/x", "/file/", "/file/.", "/file/..", "/file/../lib"]) {
      expect(tree.lookup(path)).toBeUndefined();
      expect(tree.resolve(path).blocked).toBe(true);
    }
  });

  test("in a circle are refused", async () => {
    using tree = await open(drafts);
    expect(codeOf(() => tree.lookup("/loop"))).toBe("TREE_LOOP");
    expect(tree.lookup("/loop", { follow: false })?.type).toBe("symlink");
    expect(codeOf(() => tree.lookup(`${"/self".repeat(41)}`))).toBe("TREE_LOOP");
    expect(tree.lookup(`${"/self".repeat(40)}`)?.type).toBe("directory");
  });

  test("CVE-2018-15664, CVE-2022-23648: a symlink to the host's files finds the image's or nothing", async () => {
    using tree = await open([
      { path: "l", linkname: "/../../../../proc/self/cwd" },
      { path: "m", linkname: import.meta.path },
    ]);
    expect(tree.lookup("/l")).toBeUndefined();
    expect(tree.lookup("/m")).toBeUndefined();
    expect(tree.resolve("/l").path).toBe("/proc/self/cwd");
  });
});

describe("content", () => {
  const body = Buffer.from(Uint8Array.from({ length: 1_000_000 }, (_, i) => i % 251));

  test("is read whole, in ranges and as a stream", async () => {
    using tree = await open([{ path: "big", body }, { path: "empty" }]);
    expect(Buffer.compare(tree.readFile("/big"), body)).toBe(0);
    expect(Buffer.from(tree.readRange("/big", 999_990, 100))).toEqual(body.subarray(999_990));
    expect(tree.readRange("/big", 2_000_000, 5)).toHaveLength(0);
    expect(tree.readFile("/empty")).toHaveLength(0);
    const chunks: Uint8Array[] = [];
    for await (const chunk of tree.stream("/big", { start: 5, end: 900_000 })) chunks.push(chunk);
    expect(chunks.length).toBeGreaterThan(1);
    expect(Buffer.compare(Buffer.concat(chunks), body.subarray(5, 900_000))).toBe(0);
  });

  test("larger than the limit is refused before it is read", async () => {
    using tree = await open([{ path: "big", body }]);
    expect(codeOf(() => tree.readFile("/big", { limit: 999_999 }))).toBe("TREE_LIMIT");
  });

  test("of a directory, a fifo, nothing", async () => {
    using tree = await open([{ path: "d/" }, { path: "fifo", type: "fifo" }]);
    expect(codeOf(() => tree.readFile("/d"))).toBe("TREE_NOT_FILE");
    expect(codeOf(() => tree.readFile("/fifo"))).toBe("TREE_NOT_FILE");
    expect(codeOf(() => tree.readFile("/x"))).toBe("TREE_NOT_FOUND");
    expect(codeOf(() => tree.readdir("/fifo"))).toBe("TREE_NOT_DIRECTORY");
    expect(codeOf(() => tree.readlink("/d"))).toBe("TREE_NOT_FILE");
  });

  test("of a tar that lost its end, or an index that is empty, is EROFS_INVALID", async () => {
    const layer = await makeLayer(folder, "cut", [{ path: "big", body }]);
    truncateSync(layer.tarPath, 4096);
    using tree = Tree.open([layer]);
    expect(codeOf(() => tree.readFile("/big"))).toBe("EROFS_INVALID");
    writeFileSync(layer.indexPath, "");
    using empty = Tree.open([layer]);
    expect(codeOf(() => empty.root)).toBe("EROFS_INVALID");
  });

  test("files are opened once, and closed", async () => {
    const tree = await open([
      { path: "a", body: "1" },
      { path: "b", body: "2" },
    ]);
    const before = openFiles();
    tree.readFile("/a");
    tree.readFile("/b");
    expect(openFiles()).toBe(before + 1);
    tree.close();
    expect(openFiles()).toBe(before);
  });
});

test("walk gives parents first and names in byte order, across layers", async () => {
  using tree = await open(
    [{ path: "b/z" }, { path: "b/é" }],
    [{ path: "a" }, { path: "b/\u{1f600}" }, { path: "b/\udcff" }],
  );
  expect([...tree.walk()].map((entry) => entry.path)).toEqual([
    "/",
    "/a",
    "/b",
    "/b/z",
    "/b/é",
    "/b/\u{1f600}",
    "/b/\udcff",
  ]);
  expect([...tree.walk("/b/z")].map((entry) => entry.path)).toEqual(["/b/z"]);
  expect(codeOf(() => [...tree.walk("/c")])).toBe("TREE_NOT_FOUND");
});

test("hardlinks share a key, other nodes do not", async () => {
  using tree = await open([{ path: "a" }, { path: "b", type: "hardlink", linkname: "a" }, { path: "c" }]);
  const keys = ["/a", "/b", "/c"].map((path) => tree.lookup(path)!.key);
  expect(keys[0]).toBe(keys[1]!);
  expect(keys[2]).not.toBe(keys[0]!);
});

test("no layers are an empty root (FROM scratch)", () => {
  using tree = Tree.open([]);
  expect(tree.root).toMatchObject({ type: "directory", mode: 0o755 });
  expect(tree.readdir("/")).toEqual([]);
  expect(tree.xattrs("/")).toEqual(new Map());
  expect(tree.resolve("/app").path).toBe("/app");
});

function openFiles(): number {
  const files = readdirSync("/proc/self/fd").map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return "";
    }
  });
  return files.filter((file) => file.startsWith(folder)).length;
}
