import { afterAll, describe, expect, test } from "bun:test";
import { execFileSync, spawnSync } from "node:child_process";
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Entry, type EntryHeader, readTar, TarWriter } from "./index.ts";

/*
 * Other people's tar programs judge: they read what we write, we read what they write. A program that is not
 * installed is skipped by name.
 */

const home = mkdtempSync(join(tmpdir(), "strake-tar-peers-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const has = (program: string, ...args: string[]) =>
  spawnSync(program, args, { stdio: "ignore" }).status === 0;
const peers = {
  "GNU tar": spawnSync("tar", ["--version"], { encoding: "utf8" }).stdout?.includes("GNU tar") ?? false,
  bsdtar: has("bsdtar", "--version"),
  python3: has("python3", "-c", "import tarfile"),
  go: has("go", "version"),
};
for (const [name, present] of Object.entries(peers))
  if (!present) console.log(`skipped: ${name} is not installed`);

const blank: EntryHeader = {
  type: "file",
  path: "",
  mode: 0o644,
  uid: 1000,
  gid: 1000,
  size: 0,
  mtime: 1_600_000_000,
  mtimeNsec: 0,
  linkname: "",
  uname: "",
  gname: "",
  devmajor: 0,
  devminor: 0,
};
const longName = `${"deep/".repeat(30)}${"n".repeat(120)}`;
const content = Buffer.from("content\n");

const samples: readonly EntryHeader[] = [
  { ...blank, type: "directory", path: "dir/", mode: 0o1777 },
  { ...blank, path: "dir/file", size: content.length, uname: "alice", gname: "users" },
  { ...blank, path: longName, size: content.length },
  { ...blank, path: "dir/naïve-日本", size: content.length, mode: 0o4755 },
  { ...blank, path: "dir/nanoseconds", mtimeNsec: 123_456_789 },
  { ...blank, path: "dir/before-1970", mtime: -86_400 },
  { ...blank, path: "dir/big-owner", uid: 3_000_000_000, gid: 2_097_152 },
  { ...blank, type: "symlink", path: "dir/link", linkname: "../elsewhere", mode: 0o777 },
  { ...blank, type: "symlink", path: "dir/long-link", linkname: longName, mode: 0o777 },
  { ...blank, type: "hardlink", path: "dir/hard", linkname: longName },
  { ...blank, type: "char", path: "dir/null", devmajor: 1, devminor: 3 },
  { ...blank, type: "fifo", path: "dir/fifo" },
  { ...blank, path: "dir/xattr", xattrs: new Map([["user.test", Buffer.from([0, 10, 61, 255])]]) },
];

async function ours(): Promise<string> {
  const parts: Uint8Array[] = [];
  const writer = new TarWriter((chunk) => {
    parts.push(chunk);
  });
  for (const header of samples) await writer.add(header, header.size > 0 ? content : undefined);
  await writer.finish();
  const path = join(home, "ours.tar");
  writeFileSync(path, Buffer.concat(parts));
  return path;
}

const letter = {
  file: "f",
  directory: "d",
  symlink: "l",
  hardlink: "h",
  char: "c",
  block: "b",
  fifo: "p",
} as const;

/** One line an entry, in a form every peer's listing script below prints too. */
function line(entry: EntryHeader): string {
  const path = entry.type === "directory" ? entry.path.replace(/\/+$/, "") : entry.path;
  const parts = [
    letter[entry.type],
    path,
    entry.mode.toString(8),
    entry.uid,
    entry.gid,
    entry.size,
    entry.mtime,
  ];
  return [...parts, entry.linkname, entry.devmajor, entry.devminor].join("|");
}

const pythonList = `
import tarfile, sys, math
kinds = {tarfile.REGTYPE:'f', tarfile.AREGTYPE:'f', tarfile.DIRTYPE:'d', tarfile.SYMTYPE:'l', tarfile.LNKTYPE:'h', tarfile.CHRTYPE:'c', tarfile.BLKTYPE:'b', tarfile.FIFOTYPE:'p', tarfile.GNUTYPE_SPARSE:'f'}
for m in tarfile.open(sys.argv[1]):
    dev = m.type in (tarfile.CHRTYPE, tarfile.BLKTYPE)
    print('|'.join(str(x) for x in [kinds[m.type], m.name, oct(m.mode & 0o7777)[2:], m.uid, m.gid, m.size, math.floor(m.mtime), m.linkname, m.devmajor if dev else 0, m.devminor if dev else 0]))
`;

const goList = `package main
import ("archive/tar"; "fmt"; "io"; "os"; "strings")
func main() {
	f, _ := os.Open(os.Args[1])
	r := tar.NewReader(f)
	kinds := map[byte]string{tar.TypeReg: "f", tar.TypeDir: "d", tar.TypeSymlink: "l", tar.TypeLink: "h", tar.TypeChar: "c", tar.TypeBlock: "b", tar.TypeFifo: "p", tar.TypeGNUSparse: "f"}
	for {
		h, err := r.Next()
		if err == io.EOF { return }
		if err != nil { fmt.Println("error", err); os.Exit(1) }
		name := h.Name
		if h.Typeflag == tar.TypeDir { name = strings.TrimRight(name, "/") }
		fmt.Printf("%s|%s|%o|%d|%d|%d|%d|%s|%d|%d\\n", kinds[h.Typeflag], name, h.Mode, h.Uid, h.Gid, h.Size, h.ModTime.Unix(), h.Linkname, h.Devmajor, h.Devminor)
	}
}
`;

const run = (program: string, args: string[]) =>
  execFileSync(program, args, {
    encoding: "utf8",
    cwd: home,
    maxBuffer: 1 << 26,
    env: { ...process.env, LC_ALL: "C.UTF-8", TZ: "UTC", PYTHONIOENCODING: "utf-8" },
  });

describe("what we write is read by", () => {
  test.skipIf(!peers.python3)("python3 tarfile", async () => {
    expect(
      run("python3", ["-c", pythonList, await ours()])
        .trim()
        .split("\n"),
    ).toEqual(samples.map(line));
  });

  test.skipIf(!peers.go)(
    "Go archive/tar",
    async () => {
      writeFileSync(join(home, "list.go"), goList);
      expect(
        run("go", ["run", "list.go", await ours()])
          .trim()
          .split("\n"),
      ).toEqual(samples.map(line));
    },
    120_000,
  );

  test.skipIf(!peers["GNU tar"])("GNU tar, every name, type, owner and time", async () => {
    const listing = run("tar", [
      "--list",
      "--verbose",
      "--numeric-owner",
      "--full-time",
      "--quoting-style=literal",
      "--file",
      await ours(),
    ]);
    const lines = listing.trim().split("\n");
    expect(lines).toHaveLength(samples.length);
    for (const [i, header] of samples.entries()) {
      expect(lines[i]).toContain(header.path.replace(/\/$/, ""));
      expect(lines[i]![0]).toBe({ ...letter, file: "-", fifo: "p" }[header.type]);
      expect(lines[i]).toContain(`${header.uid}/${header.gid}`);
    }
    expect(lines[4]).toContain("2020-09-13 12:26:40.123456789");
    expect(lines[5]).toContain("1969-12-31 00:00:00");
  });

  test.skipIf(!peers["GNU tar"])("GNU tar, contents", async () => {
    expect(run("tar", ["--extract", "--to-stdout", "--file", await ours(), longName])).toBe(
      content.toString(),
    );
  });

  test.skipIf(!peers.bsdtar)("bsdtar", async () => {
    const listed = run("bsdtar", ["-tf", await ours()])
      .trim()
      .split("\n");
    expect(listed).toEqual(samples.map((header) => header.path));
  });
});

function makeTree(): string {
  const tree = join(home, "tree");
  rmSync(tree, { recursive: true, force: true });
  mkdirSync(join(tree, "d/".repeat(40), "x".repeat(150)), { recursive: true });
  writeFileSync(join(tree, "d/".repeat(40), "x".repeat(150), "long"), "long\n");
  writeFileSync(join(tree, "plain"), "plain\n");
  writeFileSync(join(tree, "naïve-日本"), "unicode\n");
  linkSync(join(tree, "plain"), join(tree, "zz-hard"));
  symlinkSync("y".repeat(180), join(tree, "symlink"));
  writeFileSync(join(tree, "old"), "old\n");
  utimesSync(join(tree, "old"), new Date(0), new Date(-1_000_000));
  writeFileSync(join(tree, "sparse"), "head");
  truncateSync(join(tree, "sparse"), 3_000_000);
  return tree;
}

async function readAll(path: string): Promise<{ entry: Entry; content: Buffer }[]> {
  const items: { entry: Entry; content: Buffer }[] = [];
  for await (const { entry, body } of readTar([readFileSync(path)])) {
    const parts: Uint8Array[] = [];
    for await (const chunk of body) parts.push(chunk.slice());
    items.push({ entry, content: Buffer.concat(parts) });
  }
  return items;
}

function checkTree(tree: string, items: { entry: Entry; content: Buffer }[], oldTime: boolean): void {
  const byName = new Map(
    items.map((item) => [item.entry.path.replace(/^\.\//, "").replace(/\/$/, ""), item]),
  );
  for (const name of ["plain", "naïve-日本", "sparse", "old", `${"d/".repeat(40)}${"x".repeat(150)}/long`]) {
    const item = byName.get(name);
    if (item?.entry.type === "hardlink") continue;
    expect(item?.content.equals(readFileSync(join(tree, name)))).toBe(true);
  }
  expect(byName.get("symlink")!.entry).toMatchObject({ type: "symlink", linkname: "y".repeat(180) });
  const kinds = [byName.get("plain")!.entry.type, byName.get("zz-hard")!.entry.type].sort();
  expect(kinds).toEqual(["file", "hardlink"]);
  if (oldTime) expect(byName.get("old")!.entry.mtime).toBe(-1000);
}

describe("what others write is read:", () => {
  const sparse = [
    [],
    ["--sparse", "--sparse-version=0.0"],
    ["--sparse", "--sparse-version=0.1"],
    ["--sparse", "--sparse-version=1.0"],
  ];
  const formats = [
    ...sparse.map((options) => ["--format=posix", ...options]),
    ["--format=gnu"],
    ["--format=gnu", "--sparse"],
    ["--format=oldgnu"],
  ];
  test.skipIf(!peers["GNU tar"]).each(formats.map((options) => [options.join(" "), options]))(
    "GNU tar %s",
    async (_, options) => {
      const tree = makeTree();
      run("tar", [
        "--create",
        "--file",
        "theirs.tar",
        ...(options as string[]),
        "--sort=name",
        "-C",
        tree,
        ".",
      ]);
      const items = await readAll(join(home, "theirs.tar"));
      checkTree(tree, items, true);
      const sparseEntry = items.find((item) => item.entry.path === "./sparse")!.entry;
      expect(sparseEntry.sparse !== undefined).toBe((options as string[]).includes("--sparse"));
    },
  );

  test.skipIf(!peers.python3).each(["PAX_FORMAT", "GNU_FORMAT"])("python3 tarfile %s", async (format) => {
    const tree = makeTree();
    const script = `import tarfile,sys\nt=tarfile.open('theirs.tar','w',format=tarfile.${format})\nt.add(sys.argv[1],arcname='.')\nt.close()`;
    run("python3", ["-c", script, tree]);
    checkTree(tree, await readAll(join(home, "theirs.tar")), true);
  });

  test.skipIf(!peers.bsdtar).each(["pax", "gnutar"])("bsdtar %s", async (format) => {
    const tree = makeTree();
    run("bsdtar", ["-cf", "theirs.tar", "--format", format, "-C", tree, "."]);
    checkTree(tree, await readAll(join(home, "theirs.tar")), true);
  });

  test.skipIf(!peers["GNU tar"])("GNU tar -V and --format=v7", async () => {
    const tree = join(home, "small");
    mkdirSync(join(tree, "dir"), { recursive: true });
    writeFileSync(join(tree, "dir/file"), "v7\n");
    run("tar", ["--create", "--file", "theirs.tar", "--format=v7", "-C", tree, "dir"]);
    expect(
      (await readAll(join(home, "theirs.tar"))).map(({ entry }) => `${entry.type} ${entry.path}`),
    ).toEqual(["directory dir/", "file dir/file"]);
    run("tar", ["--create", "--file", "theirs.tar", "--format=gnu", "-V", "label", "-C", tree, "dir"]);
    expect((await readAll(join(home, "theirs.tar"))).map(({ entry }) => entry.path)).toEqual([
      "dir/",
      "dir/file",
    ]);
  });
});
