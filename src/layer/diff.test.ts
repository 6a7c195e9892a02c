import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ErofsReader } from "../erofs/index.ts";
import { sha256 } from "../oci/index.ts";
import { Store } from "../store/index.ts";
import { closeFd, mkfifoAt, mknodAt, openDirectory, setXattr } from "../sys/index.ts";
import { decodePath } from "../tar/index.ts";
import { diffUpper, LayerWriter, type UpperEntry, writeDiff } from "./index.ts";

const root = process.getuid?.() === 0;
if (!root) console.log("skipped: device nodes and trusted.* attributes need root");

let upper: string;

beforeEach(() => {
  upper = mkdtempSync(join(tmpdir(), "strake-diff-"));
});
afterEach(() => rmSync(upper, { recursive: true, force: true }));

const inUpper = <T>(folder: string, action: (directory: number) => T): T => {
  const directory = openDirectory(join(upper, folder));
  try {
    return action(directory);
  } finally {
    closeFd(directory);
  }
};
const whiteout = (folder: string, name: string) =>
  inUpper(folder, (at) => mknodAt(at, name, { type: "char", mode: 0 }));
const entries = (options?: Parameters<typeof diffUpper>[1]) => [...diffUpper(upper, options)];
const shown = (list: readonly UpperEntry[]) => list.map(({ header }) => `${header.type} ${header.path}`);
const codeOf = (action: () => unknown) => {
  try {
    action();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return "none";
};
const y = Buffer.from("y");

test("parents first, names in byte order, markers with fixed metadata", () => {
  for (const name of ["b", "a-x", "a", "Z", "é"]) mkdirSync(join(upper, name));
  for (const name of ["a/z", "a/A", "b/f"]) writeFileSync(join(upper, name), name);
  expect(shown(entries())).toEqual([
    "directory Z/",
    "directory a/",
    "file a/A",
    "file a/z",
    "directory a-x/",
    "directory b/",
    "file b/f",
    "directory é/",
  ]);
});

test("metadata: mode with special bits, times to the nanosecond and before 1970, link targets", () => {
  writeFileSync(join(upper, "f"), "12345");
  chmodSync(join(upper, "f"), 0o4751);
  utimesSync(join(upper, "f"), new Date(0), new Date(-1500));
  symlinkSync("../../etc/passwd", join(upper, "s"));
  const [file, link] = entries();
  expect(file!.header).toMatchObject({ mode: 0o4751, size: 5, mtime: -2, mtimeNsec: 500_000_000 });
  expect(link!.header).toMatchObject({ type: "symlink", linkname: "../../etc/passwd", size: 0 });
});

test("files with several names: one file, the rest hardlinks to it", () => {
  mkdirSync(join(upper, "d"));
  writeFileSync(join(upper, "d/first"), "x");
  linkSync(join(upper, "d/first"), join(upper, "z"));
  linkSync(join(upper, "d/first"), join(upper, "d/second"));
  const list = entries();
  expect(shown(list)).toEqual(["directory d/", "file d/first", "hardlink d/second", "hardlink z"]);
  for (const { header, open } of list.slice(2)) {
    expect(header).toMatchObject({ linkname: "d/first", size: 0 });
    expect(open).toBeUndefined();
  }
});

test("fifos are kept, sockets are not", async () => {
  inUpper("", (at) => mkfifoAt(at, "fifo", 0o600));
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(join(upper, "socket"), resolve));
  expect(shown(entries())).toEqual(["fifo fifo"]);
  await new Promise((resolve) => server.close(resolve));
});

test("names that are not UTF-8", () => {
  writeFileSync(Buffer.concat([Buffer.from(`${upper}/`), Buffer.from([0x61, 0xff])]), "odd");
  const [entry] = entries();
  expect(entry!.header.path).toBe(decodePath(Buffer.from([0x61, 0xff])));
  const fd = entry!.open;
  expect(fd).toBeDefined();
});

test("a name that starts with .wh. cannot be told from a deletion and is refused", () => {
  for (const name of [".wh.victim", ".wh..wh..opq", ".wh."]) {
    writeFileSync(join(upper, name), "");
    expect(codeOf(() => entries())).toBe("LAYER_DIFF_UNSUPPORTED");
    rmSync(join(upper, name));
  }
});

describe.skipIf(!root)("overlayfs's marks", () => {
  test("deletions and opaque directories", () => {
    mkdirSync(join(upper, "dir"));
    writeFileSync(join(upper, "dir/new"), "");
    setXattr(join(upper, "dir"), "trusted.overlay.opaque", y);
    whiteout("", "gone");
    whiteout("dir", "gone-too");
    const list = entries();
    expect(shown(list)).toEqual([
      "directory dir/",
      "file dir/.wh..wh..opq",
      "file dir/.wh.gone-too",
      "file dir/new",
      "file .wh.gone",
    ]);
    expect(list[1]!.header).toMatchObject({ size: 0, mtime: 0, uid: 0, gid: 0 });
  });

  test("deletions as extended attributes (Linux 6.7): opaque=x is no opaque directory", () => {
    mkdirSync(join(upper, "dir"));
    setXattr(join(upper, "dir"), "trusted.overlay.opaque", Buffer.from("x"));
    writeFileSync(join(upper, "dir/gone"), "");
    setXattr(join(upper, "dir/gone"), "trusted.overlay.whiteout", Buffer.from("y"));
    expect(shown(entries())).toEqual(["directory dir/", "file dir/.wh.gone"]);
  });

  test("user.overlay.* counts under userxattr only, and is never kept", () => {
    mkdirSync(join(upper, "dir"));
    setXattr(join(upper, "dir"), "user.overlay.opaque", y);
    expect(shown(entries())).toEqual(["directory dir/"]);
    expect(entries()[0]!.header.xattrs).toBeUndefined();
    expect(shown(entries({ userxattr: true }))).toEqual(["directory dir/", "file dir/.wh..wh..opq"]);
  });

  test("other attributes stay, overlayfs's go", () => {
    writeFileSync(join(upper, "f"), "x");
    const capability = Buffer.from([1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    setXattr(join(upper, "f"), "security.capability", capability);
    setXattr(join(upper, "f"), "user.note", Buffer.from("n"));
    setXattr(join(upper, "f"), "trusted.overlay.origin", Buffer.from("o"));
    setXattr(join(upper, "f"), "trusted.overlay.impure", y);
    const { xattrs } = entries()[0]!.header;
    expect([...xattrs!.keys()].sort()).toEqual(["security.capability", "user.note"]);
    expect(Buffer.from(xattrs!.get("security.capability")!).equals(capability)).toBe(true);
  });

  test.each(["metacopy", "redirect"])(
    "%s marks: the content is elsewhere, so the diff is refused",
    (mark) => {
      writeFileSync(join(upper, "f"), "");
      setXattr(join(upper, "f"), `trusted.overlay.${mark}`, y);
      expect(codeOf(() => entries())).toBe("LAYER_DIFF_UNSUPPORTED");
    },
  );

  test("devices keep their numbers; 0:0 is a deletion, not a device", () => {
    inUpper("", (at) => mknodAt(at, "null", { type: "char", mode: 0o666, major: 1, minor: 3 }));
    inUpper("", (at) => mknodAt(at, "sda", { type: "block", mode: 0o660, major: 8, minor: 300 }));
    expect(entries().map(({ header }) => [header.type, header.devmajor, header.devminor])).toEqual([
      ["char", 1, 3],
      ["block", 8, 300],
    ]);
  });
});

describe("CVE-2018-15664: the container exchanges what is read", () => {
  test("a directory for a symlink to the host: refused, nothing of the host is read", () => {
    mkdirSync(join(upper, "dir"));
    writeFileSync(join(upper, "dir/passwd"), "mine");
    const walk = diffUpper(upper);
    expect(walk.next().value!.header.path).toBe("dir/");
    renameSync(join(upper, "dir"), join(upper, "moved"));
    symlinkSync("/etc", join(upper, "dir"));
    expect(codeOf(() => walk.next())).toBe("LAYER_SOURCE_CHANGED");
  });

  test("a directory above a file, between looking and reading", () => {
    mkdirSync(join(upper, "dir"));
    writeFileSync(join(upper, "dir/passwd"), "mine");
    const walk = diffUpper(upper);
    walk.next();
    const file = walk.next().value!;
    renameSync(join(upper, "dir"), join(upper, "moved"));
    symlinkSync("/etc", join(upper, "dir"));
    expect(codeOf(() => file.open!())).toBe("LAYER_SOURCE_CHANGED");
  });

  test("a file for a symlink, or for another file", () => {
    writeFileSync(join(upper, "f"), "mine");
    const file = diffUpper(upper).next().value!;
    writeFileSync(join(upper, "other"), "else");
    renameSync(join(upper, "other"), join(upper, "f"));
    const again = diffUpper(upper);
    expect(again.next().value!.header.path).toBe("f");
    expect(codeOf(() => file.open!())).not.toBe("none");
  });
});

test("an abort ends the walk", () => {
  mkdirSync(join(upper, "d"));
  expect(codeOf(() => entries({ signal: AbortSignal.abort() }))).toBe("CANCELED");
});

test("a diff becomes a layer whose tar and index hold it; the same writes give the same layer", async () => {
  mkdirSync(join(upper, "app/deep"), { recursive: true });
  writeFileSync(join(upper, "app/deep/big"), Buffer.alloc(3_000_000, "big"));
  writeFileSync(join(upper, "app/small"), "small");
  const home = mkdtempSync(join(tmpdir(), "strake-diff-store-"));
  const store = Store.open({ root: join(home, "root"), runRoot: join(home, "run") });
  const lease = store.lease("test");
  try {
    const make = async (strip: (entry: UpperEntry) => UpperEntry) => {
      const writer = new LayerWriter(store.layers.begin(lease));
      await writeDiff(writer, entries2(strip));
      return await writer.commit();
    };
    const entries2 = function* (strip: (entry: UpperEntry) => UpperEntry) {
      for (const entry of diffUpper(upper)) yield strip(entry);
    };
    const layer = await make((entry) => entry);
    const tar = readFileSync(layer.tarPath);
    const index = new ErofsReader(readFileSync(layer.indexPath));
    const app = index.lookup(index.root, "app")!;
    const [extent] = [...index.extents(index.lookup(index.lookup(app, "deep")!, "big")!)];
    expect(sha256(tar.subarray(extent!.offset, extent!.offset + 3_000_000))).toBe(
      sha256(Buffer.alloc(3_000_000, "big")),
    );
    // The same through streams.
    expect((await make(({ header, body }) => ({ header, body }))).diffID).toBe(layer.diffID);
  } finally {
    lease.release();
    store.close();
    rmSync(home, { recursive: true, force: true });
  }
});
