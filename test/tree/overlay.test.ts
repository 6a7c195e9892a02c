import { afterAll, describe, expect, test } from "bun:test";
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { type Draft, type LayerFilePaths, makeLayer } from "../../src/layer/layer.test-support.ts";
import { hiddenLayers, Tree } from "../../src/layer/tree/index.ts";
import { enterPrivateMountNamespace, mount, mountFlags, readXattrs, umount } from "../../src/sys/index.ts";

const folder = mkdtempSync(join(tmpdir(), "strake-tree-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let made = 0;

/** Why the kernel's overlay cannot be asked here. */
const reason = (() => {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "overlay mounts need Linux and root";
  try {
    enterPrivateMountNamespace();
  } catch (error) {
    return `no mount namespace: ${error}`;
  }
  return undefined;
})();
if (reason) console.log(`skipped: ${reason}`);

/** Type, mode, owner, time, attributes and content of everything below a directory of the host, by path. */
function kernelView(root: string): Record<string, string> {
  const view: Record<string, string> = {};
  const pending = ["/"];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const file = join(root, path);
    const stat = lstatSync(file);
    const isDirectory = stat.isDirectory();
    const content = isDirectory
      ? ""
      : stat.isFile()
        ? readFileSync(file, "latin1")
        : stat.isSymbolicLink()
          ? readlinkSync(file)
          : `${stat.rdev}`;
    const type = isDirectory
      ? "directory"
      : stat.isFile()
        ? "file"
        : stat.isSymbolicLink()
          ? "symlink"
          : "other";
    view[path] = facts(
      type,
      stat.mode & 0o7777,
      stat,
      Math.floor(stat.mtimeMs / 1000),
      readXattrs(file),
      content,
    );
    if (!isDirectory) continue;
    for (const name of readdirSync(file)) {
      const child = path === "/" ? `/${name}` : `${path}/${name}`;
      // Where nothing merges the kernel lists whiteouts, though they cannot be looked up.
      if (lstatSync(join(root, child), { throwIfNoEntry: false })) pending.push(child);
    }
  }
  return view;
}

function treeView(layers: readonly LayerFilePaths[]): Record<string, string> {
  using tree = Tree.open(layers);
  const view: Record<string, string> = {};
  for (const { path, node } of tree.walk()) {
    const isOther = !["directory", "file", "symlink"].includes(node.type);
    const content =
      node.type === "file"
        ? Buffer.from(tree.readFile(node)).toString("latin1")
        : node.type === "symlink"
          ? tree.readlink(node)
          : "";
    const rdev = isOther ? `${node.devmajor * 256 + node.devminor}` : "";
    view[path] = facts(
      isOther ? "other" : node.type,
      node.mode,
      node,
      node.mtime,
      tree.xattrs(node),
      content + rdev,
    );
    const found = tree.lookup(path, { follow: false });
    if (found?.key !== node.key) throw new Error(`walk and lookup disagree about ${path}`);
  }
  return view;
}

function facts(
  type: string,
  mode: number,
  owner: { uid: number; gid: number },
  mtime: number,
  xattrs: ReadonlyMap<string, Uint8Array> | undefined,
  content: string,
): string {
  const attributes = [...(xattrs ?? [])]
    .filter(([name]) => !name.startsWith("trusted.overlay."))
    .map(([name, value]) => `${name}=${Buffer.from(value)}`);
  return [type, mode.toString(8), `${owner.uid}:${owner.gid}`, mtime, attributes.sort().join(), content].join(
    " ",
  );
}

function overlayView(layers: readonly LayerFilePaths[]): Record<string, string> {
  const work = join(folder, `mnt${made++}`);
  const mounted: string[] = [];
  try {
    const lower: string[] = [];
    const visible = layers.slice(hiddenLayers(layers));
    // One lower directory alone is no overlay: an empty one below makes two.
    const empty = join(work, "empty");
    mkdirSync(empty, { recursive: true });
    for (const [i, layer] of visible.entries()) {
      const target = join(work, `${i}`);
      mkdirSync(target);
      mount({
        source: layer.indexPath,
        target,
        type: "erofs",
        flags: mountFlags.readonly,
        data: `device=${layer.tarPath}`,
      });
      mounted.push(target);
      lower.unshift(target);
    }
    const target = join(work, "merged");
    mkdirSync(target);
    mount({
      source: "overlay",
      target,
      type: "overlay",
      flags: mountFlags.readonly,
      data: `lowerdir=${[...lower, empty].join(":")}`,
    });
    mounted.push(target);
    return kernelView(target);
  } finally {
    for (const target of mounted.reverse()) umount(target);
  }
}

async function compare(stack: readonly (readonly Draft[])[]): Promise<Record<string, string>> {
  const layers: LayerFilePaths[] = [];
  for (const drafts of stack) layers.push(await makeLayer(folder, `layer${made++}`, drafts));
  const view = treeView(layers);
  expect(view).toEqual(overlayView(layers));
  return view;
}

describe.skipIf(reason !== undefined)("the tree shows what the kernel's overlay shows", () => {
  const base: Draft[] = [
    { path: "etc/", mode: 0o755, mtime: 5 },
    { path: "etc/passwd", body: "root" },
    { path: "etc/conf.d/", mode: 0o700 },
    { path: "etc/conf.d/a", body: "a" },
    { path: "etc/conf.d/b", body: "b" },
    { path: "lib", linkname: "usr/lib" },
    { path: "usr/lib/", xattrs: new Map([["user.x", Buffer.from("1")]]) },
    { path: "usr/lib/libc", body: "c", mode: 0o4755 },
    { path: "usr/lib/libc.so", type: "hardlink", linkname: "usr/lib/libc" },
    { path: "dev/null", type: "char", devmajor: 1, devminor: 3, mode: 0o666 },
    { path: "fifo", type: "fifo" },
  ];

  test("one layer", async () => {
    expect(Object.keys(await compare([base]))).toHaveLength(14);
  });

  test("whiteouts of a file, of a directory and of what is not there", async () => {
    const view = await compare([
      base,
      [{ path: "etc/.wh.passwd" }, { path: "usr/.wh.lib" }, { path: "etc/.wh.nothing" }],
    ]);
    expect(view).not.toHaveProperty(["/etc/passwd"]);
    expect(view).not.toHaveProperty(["/usr/lib/libc"]);
  });

  test("an opaque directory, its marker before and after its files", async () => {
    const after = await compare([
      base,
      [{ path: "etc/conf.d/c", body: "c" }, { path: "etc/conf.d/.wh..wh..opq" }],
    ]);
    const before = await compare([
      base,
      [{ path: "etc/conf.d/.wh..wh..opq" }, { path: "etc/conf.d/c", body: "c" }],
    ]);
    expect(after).toEqual(before);
    expect(Object.keys(after).filter((path) => path.startsWith("/etc/conf.d/"))).toEqual(["/etc/conf.d/c"]);
  });

  test("a file over a directory, a directory over a symlink, a directory back over that file", async () => {
    const replaced: Draft[] = [
      { path: "etc/conf.d", body: "file" },
      { path: "lib/", mode: 0o711 },
      { path: "lib/own", body: "o" },
    ];
    const view = await compare([base, replaced]);
    expect(view).toHaveProperty(["/lib/own"]);
    expect(view).toHaveProperty(["/usr/lib/libc"]);
    const back = await compare([
      base,
      replaced,
      [{ path: "etc/conf.d/", mode: 0o755 }, { path: "etc/conf.d/new" }],
    ]);
    expect(Object.keys(back).filter((path) => path.startsWith("/etc/conf.d/"))).toEqual(["/etc/conf.d/new"]);
  });

  test("a directory over a directory keeps the children and takes the new owner", async () => {
    const view = await compare([base, [{ path: "etc/conf.d/", mode: 0o1770, uid: 7, mtime: 9 }]]);
    expect(view["/etc/conf.d"]).toStartWith("directory 1770 7:0 9");
    expect(view).toHaveProperty(["/etc/conf.d/a"]);
  });

  test("a whiteout and a directory of one name in one layer: the directory starts afresh", async () => {
    const view = await compare([
      base,
      [{ path: "etc/.wh.conf.d" }, { path: "etc/conf.d/" }, { path: "etc/conf.d/new" }],
    ]);
    expect(Object.keys(view).filter((path) => path.startsWith("/etc/conf.d/"))).toEqual(["/etc/conf.d/new"]);
  });

  test("an opaque root hides all layers below", async () => {
    const view = await compare([base, [{ path: ".wh..wh..opq" }, { path: "only" }], [{ path: "more" }]]);
    expect(Object.keys(view).sort()).toEqual(["/", "/more", "/only"]);
  });

  test("random stacks of layers", async () => {
    const name = fc.constantFrom("a", "b", "c", "é", "\u{1f600}");
    const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join("/"));
    const draft: fc.Arbitrary<Draft> = fc.oneof(
      { weight: 4, arbitrary: fc.record({ path, body: fc.string({ maxLength: 20 }), mtime: fc.nat(100) }) },
      {
        weight: 4,
        arbitrary: fc.record({
          path: path.map((at) => `${at}/`),
          mode: fc.constantFrom(0o755, 0o700),
          uid: fc.nat(3),
        }),
      },
      { weight: 1, arbitrary: fc.record({ path, linkname: fc.constantFrom("x", "/y", "../z") }) },
      { weight: 2, arbitrary: path.map((at) => ({ path: at.replace(/[^/]+$/, ".wh.$&") })) },
      { weight: 1, arbitrary: path.map((at) => ({ path: `${at}/.wh..wh..opq` })) },
    );
    const layer = fc.array(draft, { maxLength: 12 }).map(consistent);
    await fc.assert(
      fc.asyncProperty(fc.array(layer, { minLength: 1, maxLength: 4 }), async (stack) => {
        await compare(stack);
      }),
      { numRuns: 100 },
    );
  }, 120_000);
});

/** Leaves out what would be refused: entries below something that is no directory. */
function consistent(drafts: Draft[]): Draft[] {
  const kept: Draft[] = [];
  const leaves = new Set<string>();
  for (const draft of drafts) {
    const path = draft.path.replace(/\/$/, "");
    const parents = path.split("/").map((_, i, all) => all.slice(0, i).join("/"));
    if (parents.some((parent) => leaves.has(parent))) continue;
    const isMark = path.includes(".wh.");
    if (!isMark && draft.path.endsWith("/")) leaves.delete(path);
    else if (!isMark) leaves.add(path);
    kept.push(draft);
  }
  return kept;
}
