import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { closeSync, fstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { swap } from "../../test/support/swapper.ts";
import { errnoName, errnoOf } from "./errno.ts";
import { closeFd, openAt, openDirectory } from "./open.ts";
import { openByWalk } from "./open-by-walk.ts";
import { openFlags, resolveFlags } from "./open-flags.ts";

let home: string;
let root: number;
const at = (...names: string[]) => join(home, "root", ...names);

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "strake-walk-"));
  mkdirSync(at("a/b/c"), { recursive: true });
  mkdirSync(at("etc"));
  mkdirSync(join(home, "outside"));
  for (const path of [at("a/file"), at("a/b/c/deep"), at("etc/passwd"), join(home, "outside/passwd")])
    writeFileSync(path, path);
  const links: Record<string, string> = {
    ...{
      file: "a/file",
      dir: "a/b",
      slashed: "a/b/",
      dot: ".",
      up: "..",
      "a/up": "..",
      "a/b/far": "../../../../etc",
    },
    ...{ absolute: "/etc", home: join(home, "outside"), out: "../outside/passwd", dangling: "a/none" },
    ...{ loop: "loop", one: "two", two: "one", slash: "/", "a/b/file": "../file/", through: "dir/c/deep" },
    ...{ proc: "/proc", "\udcff\udcfe": "a" },
  };
  for (const [name, target] of Object.entries(links).filter(([name]) => name.isWellFormed()))
    symlinkSync(target, at(name));
  // Forty links are followed, and the one before them is one too many.
  for (let i = 0; i < 41; i++) symlinkSync(i === 0 ? "a" : `chain${i - 1}`, at(`chain${i}`));
  root = openDirectory(at());
});
afterAll(() => {
  closeFd(root);
  rmSync(home, { recursive: true });
});

const paths = [
  ...[
    ".",
    "..",
    "/",
    "//",
    "a",
    "a/",
    "a/.",
    "a/..",
    "a/../..",
    "a/b/../file",
    "/a/file",
    "a/file/",
    "a/file/x",
  ],
  ...[
    "file",
    "file/",
    "dir",
    "dir/",
    "dir/c/deep",
    "slashed",
    "slashed/c",
    "dot",
    "dot/a",
    "up",
    "up/root/a",
    "a/up",
  ],
  ...[
    "a/up/etc/passwd",
    "a/b/far",
    "a/b/far/passwd",
    "absolute",
    "absolute/passwd",
    "home",
    "home/passwd",
    "out",
  ],
  ...[
    "dangling",
    "dangling/x",
    "none",
    "none/x",
    "loop",
    "one",
    "slash",
    "slash/etc",
    "a/b/file",
    "through",
    "proc",
  ],
  ...["chain39", "chain40", "../root/a", "a//b///c", "x".repeat(256), `${"a/../".repeat(50)}a/file`],
];
const opens: Record<string, number> = {
  path: openFlags.path,
  "path nofollow": openFlags.path | openFlags.nofollow,
  "path directory": openFlags.path | openFlags.directory,
  "path directory nofollow": openFlags.path | openFlags.directory | openFlags.nofollow,
  read: openFlags.readOnly | openFlags.nonblock,
  "read nofollow": openFlags.readOnly | openFlags.nofollow | openFlags.nonblock,
  "read directory": openFlags.readOnly | openFlags.directory,
  "read directory nofollow": openFlags.readOnly | openFlags.directory | openFlags.nofollow,
  "write exclusive": openFlags.writeOnly | openFlags.create | openFlags.exclusive,
  "write create": openFlags.writeOnly | openFlags.create,
};
const resolves: Record<string, number> = {
  beneath: resolveFlags.beneath,
  "beneath noMagicLinks": resolveFlags.beneath | resolveFlags.noMagicLinks,
  "beneath noSymlinks": resolveFlags.beneath | resolveFlags.noSymlinks,
  inRoot: resolveFlags.inRoot | resolveFlags.noMagicLinks,
  "inRoot noSymlinks": resolveFlags.inRoot | resolveFlags.noSymlinks,
  "beneath noCrossMount": resolveFlags.beneath | resolveFlags.noCrossMount,
};

/** What was opened, as device and inode; or an errno. What it made is taken away again. */
function outcome(open: () => number): string {
  let fd: number;
  try {
    fd = open();
  } catch (error) {
    return errnoOf(error) ?? String(error);
  }
  if (fd < 0) return errnoName(-fd);
  try {
    const { dev, ino, mode, size } = fstatSync(fd);
    if (size > 0 || (mode & 0o170000) !== 0o100000) return `${dev}:${ino}`;
    rmSync(at("none"), { force: true });
    rmSync(at("a/none"), { force: true });
    return `made ${mode.toString(8)}`;
  } finally {
    closeSync(fd);
  }
}

describe.each(Object.entries(resolves))("%s", (_, resolve) => {
  test.each(Object.entries(opens))("%s: every path as openat2 has it", (_, flags) => {
    // openat2 takes a mode only with a file to make.
    const options = { flags, ...(flags & openFlags.create ? { mode: 0o640 } : {}), resolve };
    const kernel = paths.map((path) => [path, outcome(() => openAt(root, path, options))]);
    const walked = paths.map((path) => [path, outcome(() => openByWalk(root, path, options))]);
    expect(walked).toEqual(kernel);
  });
});

test("/proc: links that are none are not followed, the others are", () => {
  const proc = openDirectory("/proc");
  try {
    for (const path of ["self", "self/root", "self/exe", "self/fd/0", "self/ns/mnt", "mounts", "self/cwd/x"])
      for (const resolve of [resolveFlags.inRoot, resolveFlags.beneath]) {
        const options = { flags: openFlags.path, resolve: resolve | resolveFlags.noMagicLinks };
        const kernel = outcome(() => openAt(proc, path, options));
        // A process has many names in /proc, each with inodes of its own: whether it is open counts.
        const kind = (text: string) => (text.startsWith("E") ? text : "open");
        expect([path, kind(outcome(() => openByWalk(proc, path, options)))]).toEqual([path, kind(kernel)]);
      }
  } finally {
    closeFd(proc);
  }
});

test("no mount is crossed where that is asked for, and no descriptor stays open", () => {
  const slash = openDirectory("/");
  try {
    const options = { flags: openFlags.path, resolve: resolveFlags.beneath | resolveFlags.noCrossMount };
    expect(errnoName(-openByWalk(slash, "proc", options))).toBe("EXDEV");
    const open = () => [...new Bun.Glob("*").scanSync({ cwd: "/proc/self/fd", onlyFiles: false })].length;
    const before = open();
    for (const path of paths)
      for (const flags of Object.values(opens))
        outcome(() => openByWalk(root, path, { flags, resolve: resolveFlags.beneath }));
    expect(open()).toBe(before);
  } finally {
    closeFd(slash);
  }
});

test("whoever exchanges a folder for a link leads nobody out", async () => {
  symlinkSync(join(home, "outside"), at("bad"));
  await using _ = await swap(at(), ["etc", "bad"]);
  const seen = new Set<string>();
  const secret = fstatSync(openDirectory(join(home, "outside"))).ino;
  const inside = new Set<string>();
  for (let i = 0; i < 20_000; i++) {
    const resolve = i % 2 === 0 ? resolveFlags.beneath : resolveFlags.inRoot;
    const flags = i % 4 < 2 ? openFlags.readOnly | openFlags.directory : openFlags.path | openFlags.directory;
    const fd = openByWalk(root, "etc", { flags, resolve });
    if (fd < 0) seen.add(errnoName(-fd));
    else {
      expect(fstatSync(fd).ino).not.toBe(secret);
      inside.add("inside");
      closeFd(fd);
    }
    const file = openByWalk(root, "etc/passwd", { flags: openFlags.readOnly, resolve });
    if (file >= 0) {
      expect(fstatSync(file).size).toBe(at("etc/passwd").length);
      closeFd(file);
    }
  }
  // Both were met, or nothing was tried.
  expect([...inside, [...seen].length > 0]).toEqual(["inside", true]);
});
