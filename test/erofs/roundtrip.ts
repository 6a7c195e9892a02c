import {
  closeSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ErofsReader, IndexBuilder, type Inode } from "../../src/erofs/index.ts";
import {
  enterPrivateMountNamespace,
  mount,
  mountFlags,
  nodePath,
  readXattrs,
  umount,
} from "../../src/sys/index.ts";
import { cleanEntryPath, decodePath, type Entry, TarScanner } from "../../src/tar/index.ts";
import { findFsck, runFsck } from "./fsck.ts";

export interface RoundtripReport {
  readonly entries: number;
  /** One line for each thing that differs; empty when tar, reader and kernel agree. */
  readonly differences: string[];
  /** What could not be checked here, and why. */
  readonly skipped: string[];
}

/**
 * Indexes a tar and compares every entry, as the tar says it should be, with what our reader finds in the index and with
 * what the kernel shows when it mounts it: type, mode, owner, time, attributes, link target, hardlinks and bytes.
 * `fsck.erofs` then judges the image. Kernel part needs root. Leaves nothing behind.
 */
export function verifyRoundtrip(tarPath: string): RoundtripReport {
  const report: RoundtripReport = { entries: 0, differences: [], skipped: [] };
  const folder = mkdtempSync(join(tmpdir(), "strake-roundtrip-"));
  try {
    const expected = new Expected(scan(tarPath));
    const imagePath = join(folder, "layer.erofs");
    const tar = new RandomReader(tarPath);
    const builder = new IndexBuilder();
    for (const entry of expected.entries) builder.add(entry);
    const read = (offset: number, length: number) => tar.read(offset, length);
    const { image } = builder.finish({ tarSize: statSync(tarPath).size, read });
    writeFileSync(imagePath, image);
    compareReader(expected, new ErofsReader(image), tar, report);
    compareKernel(expected, { imagePath, tarPath, folder }, tar, report);
    const fsck = findFsck();
    const complaint = fsck.path ? runFsck(fsck.path, imagePath, tarPath) : "";
    if (complaint) report.differences.push(complaint);
    if (fsck.reason) report.skipped.push(fsck.reason);
    tar.close();
    return { ...report, entries: expected.entries.length };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function scan(tarPath: string): Entry[] {
  const entries: Entry[] = [];
  const scanner = new TarScanner({ onEntry: (entry) => entries.push(entry) });
  const fd = openSync(tarPath, "r");
  const buffer = Buffer.alloc(1 << 20);
  for (let n = readSync(fd, buffer); n > 0; n = readSync(fd, buffer)) scanner.write(buffer.subarray(0, n));
  scanner.end();
  closeSync(fd);
  return entries;
}

/** What the tar comes to, found without the index's code: path by path, last entry wins. */
class Expected {
  readonly entries: readonly Entry[];
  /** Path to the entry that made the inode; hardlinks share the object. */
  readonly paths = new Map<string, Entry>();
  readonly children = new Map<string, Set<string>>([["/", new Set()]]);

  constructor(entries: readonly Entry[]) {
    this.entries = entries;
    for (const entry of entries) {
      const path = cleanEntryPath(entry.path);
      const made = entry.type === "hardlink" ? this.paths.get(cleanEntryPath(entry.linkname))! : entry;
      if (made.type !== "directory") this.#drop(path);
      this.paths.set(path, made);
      this.#name(path);
    }
  }

  #name(path: string): void {
    if (path === "/") return;
    const slash = path.lastIndexOf("/");
    const parent = slash === 0 ? "/" : path.slice(0, slash);
    const known = this.children.get(parent);
    if (known) known.add(path.slice(slash + 1));
    else {
      this.children.set(parent, new Set([path.slice(slash + 1)]));
      this.#name(parent);
    }
  }

  #drop(path: string): void {
    for (const name of this.children.get(path) ?? []) {
      this.#drop(`${path}/${name}`);
      this.paths.delete(`${path}/${name}`);
    }
    this.children.delete(path);
  }

  /** Names in a directory, as the kernel sorts none of them: compare as sets. */
  names(path: string): string[] {
    return [...(this.children.get(path) ?? [])].sort();
  }

  walk(visit: (path: string, entry: Entry | undefined) => void): void {
    const pending = ["/"];
    for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
      visit(path, this.paths.get(path));
      for (const name of this.names(path)) pending.push(path === "/" ? `/${name}` : `${path}/${name}`);
    }
  }
}

type Facts = Pick<
  Inode,
  "type" | "mode" | "uid" | "gid" | "size" | "mtime" | "mtimeNsec" | "devmajor" | "devminor"
>;

function compareFacts(
  where: string,
  path: string,
  entry: Entry,
  found: Facts,
  report: RoundtripReport,
): void {
  const say = (what: string, is: unknown, wanted: unknown) => {
    if (is !== wanted) report.differences.push(`${where} ${path}: ${what} is ${is}, the tar says ${wanted}`);
  };
  say("type", found.type, entry.type);
  say("mode", found.mode.toString(8), entry.mode.toString(8));
  say("uid", found.uid, entry.uid);
  say("gid", found.gid, entry.gid);
  say("mtime", found.mtime, entry.mtime);
  say("nanoseconds", found.mtimeNsec, entry.mtimeNsec);
  if (entry.type === "file") say("size", found.size, entry.size);
  if (entry.type === "char" || entry.type === "block") {
    say("major", found.devmajor, entry.devmajor);
    say("minor", found.devminor, entry.devminor);
  }
}

function compareXattrs(
  where: string,
  path: string,
  entry: Entry,
  found: ReadonlyMap<string, Uint8Array> | undefined,
  report: RoundtripReport,
): void {
  const shown = (xattrs: ReadonlyMap<string, Uint8Array> | undefined) =>
    [...(xattrs ?? [])]
      .map(([name, value]) => `${name}=${Buffer.from(value).toString("hex")}`)
      .sort()
      .join(" ");
  if (shown(found) !== shown(entry.xattrs))
    report.differences.push(
      `${where} ${path}: attributes are "${shown(found)}", the tar says "${shown(entry.xattrs)}"`,
    );
}

/** The file's bytes `from`..`to` as the tar has them, holes as zeros. */
function contentAt(tar: RandomReader, entry: Entry, from: number, length: number): Buffer {
  if (!entry.sparse) return tar.read(entry.dataOffset + from, length);
  const content = Buffer.alloc(length);
  let stored = entry.dataOffset;
  for (const extent of entry.sparse) {
    const start = Math.max(from, extent.offset);
    const end = Math.min(from + length, extent.offset + extent.length);
    if (start < end) content.set(tar.read(stored + start - extent.offset, end - start), start - from);
    stored += extent.length;
  }
  return content;
}

function compareContent(
  where: string,
  path: string,
  entry: Entry,
  tar: RandomReader,
  read: (from: number, length: number) => Uint8Array,
  report: RoundtripReport,
): void {
  const step = 4 << 20;
  for (const from of steps(entry, step)) {
    const length = Math.min(step, entry.size - from);
    if (contentAt(tar, entry, from, length).equals(read(from, length))) continue;
    report.differences.push(`${where} ${path}: the bytes from ${from} on differ`);
    return;
  }
}

/** Every stretch of a file, or for one that is mostly hole those around its data. */
function* steps(entry: Entry, step: number): Generator<number> {
  if (!entry.sparse || entry.size < 64 * step) for (let from = 0; from < entry.size; from += step) yield from;
  else
    for (const extent of entry.sparse)
      for (let from = Math.max(0, extent.offset - 4096); from < extent.offset + extent.length; from += step)
        yield from;
}

function compareReader(
  expected: Expected,
  reader: ErofsReader,
  tar: RandomReader,
  report: RoundtripReport,
): void {
  const nids = new Map<string, number>([["/", reader.root]]);
  const nidOf = new Map<Entry, number>();
  expected.walk((path, entry) => {
    const nid = nids.get(path)!;
    const inode = reader.inode(nid);
    if (inode.type === "directory") {
      const names: string[] = [];
      for (const child of reader.readdir(nid)) {
        names.push(child.name);
        nids.set(path === "/" ? `/${child.name}` : `${path}/${child.name}`, child.nid);
        if (reader.lookup(nid, child.name) !== child.nid)
          report.differences.push(`reader ${path}: looking up ${child.name} does not find it`);
      }
      if (names.sort().join("\0") !== expected.names(path).join("\0"))
        report.differences.push(`reader ${path}: names differ`);
    }
    if (!entry) return;
    compareFacts("reader", path, entry, inode, report);
    compareXattrs("reader", path, entry, reader.xattrs(nid), report);
    if (nidOf.has(entry) && nidOf.get(entry) !== nid)
      report.differences.push(`reader ${path}: is no hardlink`);
    nidOf.set(entry, nid);
    if (entry.type === "symlink" && reader.readlink(nid) !== entry.linkname)
      report.differences.push(
        `reader ${path}: leads to ${reader.readlink(nid)}, the tar says ${entry.linkname}`,
      );
    if (entry.type !== "file") return;
    const extents = reader.extents(nid);
    compareContent(
      "reader",
      path,
      entry,
      tar,
      (from, length) => {
        const content = Buffer.alloc(length);
        for (const extent of extents) {
          const start = Math.max(from, extent.fileOffset);
          const end = Math.min(from + length, extent.fileOffset + extent.length);
          if (start >= end) continue;
          const at = extent.offset + start - extent.fileOffset;
          const bytes =
            extent.device === 0 ? reader.image.subarray(at, at + end - start) : tar.read(at, end - start);
          content.set(bytes, start - from);
        }
        return content;
      },
      report,
    );
  });
}

function compareKernel(
  expected: Expected,
  { imagePath, tarPath, folder }: { imagePath: string; tarPath: string; folder: string },
  tar: RandomReader,
  report: RoundtripReport,
): void {
  const target = join(folder, "mnt");
  mkdirSync(target);
  try {
    enterPrivateMountNamespace();
    mount({
      source: imagePath,
      target,
      type: "erofs",
      flags: mountFlags.readonly,
      data: `device=${tarPath}`,
    });
  } catch (error) {
    report.skipped.push(`the kernel's view: ${error instanceof Error ? error.message : error}`);
    return;
  }
  try {
    const inoOf = new Map<Entry, bigint>();
    expected.walk((path, entry) => {
      const file = nodePath(path === "/" ? target : `${target}${path}`);
      const stat = lstatSync(file, { bigint: true });
      if (stat.isDirectory()) {
        const names = readdirSync(file, { encoding: "buffer" }).map(decodePath).sort();
        if (names.join("\0") !== expected.names(path).join("\0"))
          report.differences.push(`kernel ${path}: names differ`);
      }
      if (!entry) return;
      const second = 1_000_000_000n;
      const nsec = ((stat.mtimeNs % second) + second) % second;
      const device = Number(stat.rdev);
      compareFacts(
        "kernel",
        path,
        entry,
        {
          type: typeOf(stat),
          mode: Number(stat.mode) & 0o7777,
          uid: Number(stat.uid),
          gid: Number(stat.gid),
          size: Number(stat.size),
          mtime: Number((stat.mtimeNs - nsec) / second),
          mtimeNsec: Number(nsec),
          devmajor: (device >>> 8) & 0xfff,
          devminor: (device & 0xff) | ((device >>> 12) & 0xfff00),
        },
        report,
      );
      compareXattrs("kernel", path, entry, readXattrs(path === "/" ? target : `${target}${path}`), report);
      if (inoOf.has(entry) && inoOf.get(entry) !== stat.ino)
        report.differences.push(`kernel ${path}: is no hardlink`);
      inoOf.set(entry, stat.ino);
      if (entry.type === "symlink") {
        const leads = decodePath(readlinkSync(file, { encoding: "buffer" }));
        if (leads !== entry.linkname)
          report.differences.push(`kernel ${path}: leads to ${leads}, the tar says ${entry.linkname}`);
      }
      if (entry.type !== "file") return;
      const opened = new RandomReader(file);
      compareContent("kernel", path, entry, tar, (from, length) => opened.read(from, length), report);
      opened.close();
    });
  } finally {
    umount(target);
  }
}

function typeOf(stat: {
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
  isFIFO(): boolean;
  isCharacterDevice(): boolean;
  isBlockDevice(): boolean;
}): Facts["type"] {
  if (stat.isFile()) return "file";
  if (stat.isDirectory()) return "directory";
  if (stat.isSymbolicLink()) return "symlink";
  if (stat.isFIFO()) return "fifo";
  if (stat.isCharacterDevice()) return "char";
  return stat.isBlockDevice() ? "block" : "socket";
}

class RandomReader {
  readonly #fd: number;

  constructor(path: string | Buffer) {
    this.#fd = openSync(path, "r");
  }

  read(offset: number, length: number): Buffer {
    const buffer = Buffer.alloc(length);
    let done = 0;
    while (done < length) {
      const n = readSync(this.#fd, buffer, done, length - done, offset + done);
      if (n === 0) return buffer.subarray(0, done);
      done += n;
    }
    return buffer;
  }

  close(): void {
    closeSync(this.#fd);
  }
}
